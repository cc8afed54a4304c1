# shellcheck shell=sh
# taken [ROOT]: what the database and Redis of this host take, as the roles database and redis have written it into their files: one
# "taken NAME MIB" line each. ROOT: where the host's files are, / by default.
taken() {
    # What was removed may have left its configuration.
    [ ! -e "${1:-}/usr/sbin/mariadbd" ] || given MariaDB "${1:-}/etc/mysql/mariadb.conf.d/zz-steady.cnf"
    [ ! -e "${1:-}/usr/bin/pg_ctlcluster" ] || given PostgreSQL "${1:-}"/etc/postgresql/*/main/conf.d/zz-steady.conf
    [ ! -e "${1:-}/usr/bin/redis-server" ] || given Redis "${1:-}/etc/redis/redis.conf"
}

# given NAME FILE...: of several the largest counts. A cluster of a former version may have left its file.
given() {
    name=$1
    shift
    size=$(sed -n "s/^# .* this host's [0-9]* MiB\( is\|,\) \([0-9]*\) MiB.*/\2/p" "$@" 2>/dev/null | sort -n | tail -n 1)
    [ -z "$size" ] || echo "taken $name $size"
}
