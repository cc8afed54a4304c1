# shellcheck shell=sh
# Brings the configuration on the disk into force, or the last one that was.
# Arguments: PHP's version, the seconds a reload waits for requests, the sockets' group.
version=$1 patience=$((($2 + 15) * 5)) group=$3
unit=php$version-fpm root=/etc/php/$version/fpm good=/var/lib/steady-php-fpm/$version pid_file=/run/php/php$version-fpm.pid
export LC_ALL=C

# Copies this role's own files from one root to another, and removes those that the first does not have.
ours() {
    mkdir -p "$2/pool.d" "$2/conf.d"
    rm -f "$2"/pool.d/steady-*.conf "$2/pool.d/zz-steady.conf" "$2/conf.d/99-steady.ini"
    for file in "$1"/pool.d/steady-*.conf "$1/pool.d/zz-steady.conf" "$1/conf.d/99-steady.ini"; do
        [ ! -e "$file" ] || cp -p "$file" "$2${file#"$1"}"
    done
}

refuse() {
    if [ -d "$good" ]; then
        ours "$good" "$root"
        systemctl is-active --quiet "$unit" || { systemctl reset-failed "$unit"; systemctl start "$unit"; }
        echo "PHP-FPM refused its new configuration and runs on with the last one that worked: $1"
    else
        echo "PHP-FPM refused its configuration: $1"
    fi
    exit 1
}

# What PHP-FPM has complained of, in one line.
complaints() { sed -n 's/.*ERROR: //p' | grep -v '^FPM initialization failed$' | sort -u | head -n 5 | paste -sd ';'; }

said=$("php-fpm$version" -t 2>&1) || refuse "$(printf '%s\n' "$said" | complaints)"
before=$(stat --format %y "$pid_file" 2>/dev/null)
if systemctl is-active --quiet "$unit"; then
    log=$(wc -c <"/var/log/php$version-fpm.log" 2>/dev/null || echo 0)
    systemctl reload "$unit"
    # The signal returns at once. The new PHP-FPM writes its process id when it has its sockets.
    while [ "$(stat --format %y "$pid_file" 2>/dev/null)" = "$before" ] && [ "$patience" -gt 0 ]; do
        systemctl is-active --quiet "$unit" || break
        patience=$((patience - 1))
        sleep 0.2
    done
    # What it can't do with its sockets, the test does not find: the new one has ended then, and systemd soon knows.
    sleep 0.2
    if ! systemctl is-active --quiet "$unit"; then
        systemctl stop "$unit"
        refuse "$(tail -c "+$((log + 1))" "/var/log/php$version-fpm.log" | complaints)"
    fi
    [ "$patience" -gt 0 ] || { echo "PHP-FPM did not come back from its reload within $2 s and 15 s more."; exit 1; }
else
    systemctl start "$unit" || refuse "$(journalctl --unit "$unit" --lines 20 --output cat --no-pager | complaints)"
fi

# A reload takes over open sockets as they are.
for socket in /run/php/steady-*.sock; do
    [ ! -S "$socket" ] || { chown "root:$group" "$socket" && chmod 0660 "$socket"; }
done
umask 077
rm -rf "$good" && mkdir -p "$good" && ours "$root" "$good"
