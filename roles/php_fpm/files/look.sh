# shellcheck shell=sh
# What the host has, one "key value" line each.
# Arguments: the wished version or nothing, the socket's group or nothing, the users as "user:group ...", the extensions.
wished=$1 socket_group=$2 users=$3 extensions=$4
export LC_ALL=C

echo "memory $(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)"
taken

version=$wished
if [ -z "$version" ]; then
    # The version that APT would install. Asked for directly it works out every dependency there is first, for half a second.
    candidate=$(apt-cache policy php-fpm 2>/dev/null | sed -n 's/^ *Candidate: //p')
    version=$(apt-cache show php-fpm 2>/dev/null | awk -v candidate="$candidate" '
        /^Version: / { meant = $2 == candidate }
        /^Depends: / && meant' | sed -n 's/^Depends:.*\bphp\([0-9][0-9.]*\)-fpm.*/\1/p' | head -n 1)
fi
echo "version $version"

root=/etc/php/$version/fpm
unit=php$version-fpm
if [ -n "$version" ]; then
    dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' "php$version-*" 2>/dev/null | grep '^installed '
    here=$(dpkg-query --show --showformat '${db:Status-Status} ${Package}, ${Provides},\n' "php$version-*" logrotate 2>/dev/null |
        sed -n 's/^installed //p' | tr ',' '\n' | awk '{print $1}')
    for name in "$unit" $(for one in $extensions; do echo "php$version-$one"; done) logrotate; do
        printf '%s\n' "$here" | grep -qxF "$name" && continue
        echo "missing $name"
        apt-cache policy "$name" 2>/dev/null | grep -q 'Candidate: [^(]' && continue
        apt-cache showpkg "$name" 2>/dev/null | sed '1,/^Reverse Provides/d' | grep -q . && continue
        echo "unknown $name"
        [ "$name" != "$unit" ] || apt-cache search --names-only '^php[0-9]+\.[0-9]+-fpm$' |
            sed 's/^php\([0-9.]*\)-fpm .*/available \1/'
    done
fi

if [ -z "$socket_group" ]; then
    user=$(nginx -V 2>&1 | sed -n 's/.*--user=\([^ ]*\).*/\1/p')
    socket_group=$(id --group --name "${user:-www-data}" 2>/dev/null || echo www-data)
fi
echo "socket_group $socket_group"
getent group "$socket_group" >/dev/null || echo "no_group $socket_group"
for pair in $users; do
    getent group "${pair#*:}" >/dev/null || echo "no_group ${pair#*:}"
    getent passwd "${pair%:*}" >/dev/null || echo "no_user $pair"
done

policy=/usr/sbin/policy-rc.d
if [ -e "$policy" ] && ! grep -q steady.deploy "$policy"; then echo "policy other"; fi

[ -x "/usr/sbin/php-fpm$version" ] || exit 0
echo "present yes"
systemctl is-active --quiet "$unit" && systemctl is-enabled --quiet "$unit" && echo "running yes"
for file in "$root"/pool.d/*.conf; do
    [ -e "$file" ] || continue
    case ${file##*/} in
        steady-*.conf) name=${file##*/steady-}; echo "pool ${name%.conf}" ;;
        zz-steady.conf) ;;
        *)
            sed -n 's/^[[:space:]]*\[\([^]]*\)\].*/\1/p' "$file" | grep -vx global | sed 's/^/section /'
            sum=$(md5sum "$file" | cut -d ' ' -f 1)
            if [ "${file##*/}" = www.conf ] &&
                dpkg-query --show --showformat '${Conffiles}' "$unit" 2>/dev/null | grep -qF " $file $sum"; then
                echo "www untouched"
            fi
            ;;
    esac
done
# What take-over.sh has kept is what PHP-FPM runs with.
good=/var/lib/steady-php-fpm/$version
for file in "$root"/pool.d/steady-*.conf "$root/pool.d/zz-steady.conf" "$root/conf.d/99-steady.ini"; do
    [ ! -e "$file" ] || cmp -s "$file" "$good${file#"$root"}" || echo "stale yes"
done
for file in "$good"/pool.d/steady-*.conf; do
    [ ! -e "$file" ] || [ -e "$root/pool.d/${file##*/}" ] || echo "stale yes"
done
for other in /etc/php/*/fpm/pool.d/steady-*.conf; do
    [ -e "$other" ] || continue
    case $other in "$root"/*) ;; *) echo "elsewhere $other" ;; esac
done
if said=$("php-fpm$version" -t 2>&1); then
    :
else
    case $said in
        *"No pool defined"*) ;;
        *) printf '%s\n' "$said" | sed -n 's/.*ERROR: /broken /p' | head -n 3 ;;
    esac
fi
exit 0
