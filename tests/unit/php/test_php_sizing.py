"""How many children a pool may have, and how that is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.steady.deploy.plugins.module_utils.core.errors import PreflightError
from ansible_collections.steady.deploy.plugins.module_utils.php.sizing import Memory, Wish, size_pools, spares

TWO_GIB = Memory(2048, opcache_mb=128)


def test_one_pool_takes_what_is_left():
    (size,) = size_pools([Wish("shop", 64)], TWO_GIB)
    assert size.max_children == 22
    assert size.why == (
        "2048 MiB of memory - 512 MiB for everything else - 128 MiB for Opcache = 1408 MiB for the children of all pools",
        "1408 MiB / 64 MiB for a child = 22",
    )


def test_a_limit_holds_whatever_the_memory():
    (size,) = size_pools([Wish("shop", 64, limit=20)], TWO_GIB)
    assert size.max_children == 20
    assert size.why[-1] == "at most 20 by max_children_limit"


def test_a_limit_that_is_not_reached_is_not_told():
    (size,) = size_pools([Wish("shop", 64, limit=22)], TWO_GIB)
    assert size.max_children == 22
    assert "max_children_limit" not in " ".join(size.why)


def test_pools_share_by_weight():
    shop, blog = size_pools([Wish("shop", 64, share=3), Wish("blog", 32)], TWO_GIB)
    assert (shop.max_children, blog.max_children) == (1056 // 64, 352 // 32)
    assert shop.why[1] == "this pool has 3 of 4 shares of 1408 MiB: 1056 MiB"


def test_pools_that_name_a_number_come_first():
    shop, blog = size_pools([Wish("shop", 64), Wish("blog", 32, max_children=10)], TWO_GIB)
    assert blog.max_children == 10
    assert blog.why == ("10 children as asked, of 32 MiB each: 320 MiB",)
    assert shop.max_children == (1408 - 320) // 64
    assert "(320 MiB are asked for by name)" in shop.why[1]


def test_a_reserve_of_ones_own():
    (size,) = size_pools([Wish("shop", 64)], Memory(2048, reserve_mb=1024))
    assert size.max_children == 16


@pytest.mark.parametrize(("total", "kept"), [(1024, 512), (2048, 512), (8192, 2048)])
def test_a_quarter_is_kept_at_least_512(total, kept):
    assert Memory(total).kept_mb == kept


def test_some_mib_more_or_less_change_nothing():
    assert size_pools([Wish("shop", 64)], Memory(2048 + 63)) == size_pools([Wish("shop", 64)], Memory(2048))


def test_too_many_children():
    with pytest.raises(PreflightError) as caught:
        size_pools([Wish("shop", 64, max_children=23)], TWO_GIB)
    assert caught.value.message == (
        "the pool 'shop' asks for 23 children of 64 MiB, 1472 MiB together; PHP-FPM may use 1408 MiB (2048 MiB of memory, less 512 MiB "
        "kept for everything else and 128 MiB for Opcache). Lower max_children, or give the host more memory"
    )


def test_too_many_children_together():
    with pytest.raises(PreflightError, match=r"the pool 'blog' asks for 12 .* of which other pools take 704 MiB"):
        size_pools([Wish("shop", 64, max_children=11), Wish("blog", 64, max_children=12)], TWO_GIB)


@pytest.mark.parametrize("total", [0, 512, 640, 680])
def test_too_little_memory_for_one_child(total):
    with pytest.raises(PreflightError, match="the memory is too small for the pool 'shop'"):
        size_pools([Wish("shop", 128)], Memory(total, opcache_mb=64))


wishes = st.builds(
    Wish,
    name=st.just("a"),
    child_mb=st.integers(1, 512),
    share=st.integers(1, 10),
    max_children=st.integers(0, 8),
    limit=st.sampled_from([0, 0, 1, 5, 50]),
)


@given(st.lists(wishes, max_size=6), st.integers(0, 65536), st.integers(0, 4096), st.integers(0, 1024))
def test_the_memory_is_never_exceeded(pools, total, reserve, opcache):
    memory = Memory(total, reserve, opcache)
    try:
        sizes = size_pools(pools, memory)
    except PreflightError:
        return
    assert sum(size.max_children * wish.child_mb for size, wish in zip(sizes, pools, strict=True)) <= max(memory.children_mb, 0)
    for size, wish in zip(sizes, pools, strict=True):
        assert size.max_children >= 1
        assert not wish.limit or wish.max_children or size.max_children <= wish.limit


@given(st.integers(1, 5000))
def test_spares_are_what_php_fpm_accepts(most):
    own = spares(most)
    assert 1 <= own.least <= own.start <= own.most <= most
