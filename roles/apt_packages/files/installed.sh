# shellcheck shell=sh
# installed NAME...: the packages that are installed, a line each. Other roles put it before what else they ask the host.
installed() {
    # It also fails when one of the packages was never heard of: that one is missing.
    # shellcheck disable=SC2016
    dpkg-query --show --showformat '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null | sed -n 's/ installed$//p'
}
