"""What the role has made of a bare host. Logins are tried for real, from outside."""

from __future__ import annotations

import subprocess
import textwrap

import pytest


@pytest.fixture(scope="module")
def login(host, tmp_path_factory):
    """Try to run a command on the host by a new SSH session, and return what came of it."""
    variables = host.ansible.get_variables()
    base = ["ssh", "-p", str(variables["ansible_port"]), "-i", variables["ansible_ssh_private_key_file"]]
    base += variables["ansible_ssh_common_args"].split()
    base += ["-o", "BatchMode=yes", "-o", "ControlPath=none", "-o", "ConnectTimeout=5", "-o", "IdentityAgent=none"]

    def attempt(user, *options, command="id -un"):
        argv = [*base, *options, f"{user}@127.0.0.1", command]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=20, stdin=subprocess.DEVNULL)

    return attempt


def sshd(host):
    with host.sudo():
        lines = host.check_output("sshd -T -C user=ops,host=localhost,addr=127.0.0.1").splitlines()
    return dict(line.split(" ", 1) for line in lines if " " in line)


def test_a_key_lets_in(login):
    assert login("ops").stdout == "ops\n"


def test_the_deploy_user_has_its_key_and_its_right_only(host, login):
    assert login("deploy", command="sudo -n systemctl is-system-running").stdout in ("running\n", "degraded\n")
    refused = login("deploy", command="sudo -n id")
    assert refused.returncode != 0
    assert "password is required" in refused.stderr
    with host.sudo():
        assert host.check_output("passwd --status deploy").split()[1] == "L"
        keys = host.file("/etc/ssh/authorized_keys.d/deploy")
        assert (keys.user, keys.group, keys.mode) == ("root", "root", 0o644)


def test_passwords_are_not_even_offered(login):
    done = login("ops", "-o", "PubkeyAuthentication=no", "-o", "PreferredAuthentications=password,keyboard-interactive")
    assert done.returncode == 255
    assert done.stderr.endswith("Permission denied (publickey).\n")


def test_root_is_refused_with_a_good_key(host, login):
    with host.sudo():
        host.check_output("mkdir -p -m 0700 /root/.ssh && cp /home/ops/.ssh/authorized_keys /root/.ssh/")
        done = login("root")
        host.check_output("rm /root/.ssh/authorized_keys")
    assert done.returncode == 255
    assert "Permission denied" in done.stderr


@pytest.mark.parametrize(
    ("option", "what"),
    [
        ("KexAlgorithms=ecdh-sha2-nistp256", "no matching key exchange method"),
        ("Ciphers=aes128-ctr", "no matching cipher"),
        ("MACs=hmac-sha1", "no matching MAC"),
    ],
)
def test_weaker_algorithms_are_refused(login, option, what):
    # An AEAD cipher would leave the MAC unasked.
    extra = ["-o", "Ciphers=aes256-ctr"] if option.startswith("MACs") else []
    done = login("ops", "-o", option, *extra)
    assert done.returncode == 255
    assert what in done.stderr


def test_key_exchange_is_post_quantum_where_there_is_one(host, login):
    known = host.check_output("ssh -Q kex").split()
    wanted = next(one for one in ("mlkem768x25519-sha256", "sntrup761x25519-sha512", "sntrup761x25519-sha512@openssh.com") if one in known)
    assert sshd(host)["kexalgorithms"].split(",")[0] == wanted
    assert "sntrup761x25519-sha512@openssh.com" in login("ops", "-v", "-o", "KexAlgorithms=sntrup761x25519-sha512@openssh.com").stderr


def test_sshd(host):
    found = sshd(host)
    wanted = {"passwordauthentication": "no", "kbdinteractiveauthentication": "no", "permitrootlogin": "no", "x11forwarding": "no"}
    wanted |= {"allowtcpforwarding": "local", "allowagentforwarding": "no", "tcpkeepalive": "no", "clientalivecountmax": "2"}
    assert {name: found[name] for name in wanted} == wanted


def test_no_change_waits_to_be_taken_back(host):
    assert host.run("systemctl is-active steady-ssh-revert.timer").stdout.strip() == "inactive"
    assert not host.file("/run/steady-ssh").exists


def test_security_upgrades(host):
    with host.sudo():
        config = host.check_output("apt-config dump")
        log = host.run("unattended-upgrade --dry-run --debug").stdout
    assert 'Unattended-Upgrade::Automatic-Reboot "false";' in config
    assert 'APT::Periodic::Unattended-Upgrade "1";' in config
    origins = [line for line in config.splitlines() if line.startswith("Unattended-Upgrade::Origins-Pattern::")]
    assert len(origins) == 2
    assert all("-security" in line for line in origins)
    assert "^nginx" in log, log
    for unit in ("apt-daily.timer", "apt-daily-upgrade.timer"):
        assert host.service(unit).is_enabled
        assert host.service(unit).is_running


def test_there_is_a_source_of_security_upgrades(host):
    release = host.system_info.codename
    assert f"/dists/{release}-security/" in host.check_output("apt-get update --print-uris")


def test_needrestart_leaves_alone_what_carries_requests(host):
    code = r"""
        our %nrconf; do "/etc/needrestart/needrestart.conf"; die $@ if $@;
        my %rc = %{$nrconf{override_rc}};
        print "$nrconf{restart}";
        for my $unit (qw(nginx.service docker.service containerd.service php8.4-fpm.service mariadb.service postgresql@17-main.service
                         redis-server.service cron.service ssh.service)) {
            my $left = grep { $unit =~ /$_/ && !$rc{$_} } keys %rc;
            print " $unit" if $left;
        }
    """
    with host.sudo():
        said = host.check_output("perl -e %s", textwrap.dedent(code)).split()
    assert said[0] == "a"
    assert said[1:] == [
        "nginx.service",
        "docker.service",
        "containerd.service",
        "php8.4-fpm.service",
        "mariadb.service",
        "postgresql@17-main.service",
        "redis-server.service",
    ]


def test_kernel_parameters(host):
    assert host.sysctl("net.ipv4.conf.all.rp_filter") == 2
    assert host.sysctl("net.ipv4.conf.all.accept_redirects") == 0
    assert host.sysctl("net.ipv4.tcp_keepalive_time") == 600
    text = host.file("/etc/sysctl.d/60-steady.conf").content_string
    assert "ip_forward" not in text
    assert "kernel." not in text, "a container's kernel is the machine's"


def test_limits(host, login):
    # The lab's containers may not raise what they were given.
    with host.sudo():
        most = host.check_output("ulimit -n 524288 2>/dev/null; ulimit -Hn")
    first = str(min(65536, int(most)))
    assert login("ops", command="ulimit -Sn; ulimit -Hn; ulimit -Hc").stdout.split() == [first, most, "0"]
    with host.sudo():
        assert "Could not set limit" not in host.check_output("journalctl --quiet --no-pager --since=-10s")
    shown = host.check_output("systemctl show --property DefaultLimitNOFILESoft,DefaultLimitCORE").splitlines()
    assert sorted(shown) == ["DefaultLimitCORE=0", f"DefaultLimitNOFILESoft={first}"]


def test_umask_of_login_shells(login):
    assert login("ops", command="bash -lc umask").stdout == "0027\n"


def test_modules_are_denied(host):
    text = host.file("/etc/modprobe.d/60-steady.conf").content_string
    assert "install usb-storage /bin/false\n" in text


def test_journal_is_kept_and_bounded(host):
    with host.sudo():
        assert host.file("/var/log/journal").is_directory
        assert "SystemMaxUse=500M" in host.check_output("systemd-analyze cat-config systemd/journald.conf")


def test_time(host):
    assert host.service("systemd-timesyncd").is_enabled
    assert host.file("/etc/localtime").linked_to == "/usr/share/zoneinfo/Europe/Berlin"


def test_a_container_gets_no_swap(host):
    assert not host.file("/swapfile").exists


def test_banner(login):
    assert "Authorized use only." in login("ops").stderr


def test_host_is_healthy(host):
    assert host.check_output("systemctl is-system-running") == "running"
