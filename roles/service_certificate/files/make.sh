# shellcheck shell=sh
# Puts a certificate and its key into a folder. Arguments: the files that they come from, both empty for a self-signed one, the
# folder, the user who reads the key, the host's name, and the names and addresses that it is for, as OpenSSL writes them.
set -eu
umask 022
mkdir -p "$3"
if [ -n "$1" ]; then
    rm -f "$3/self-signed"
    install -m 0644 "$1" "$3/fullchain.pem.new"
    install -m 0600 -o "$4" "$2" "$3/privkey.pem.new"
else
    touch "$3/self-signed"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 3650 -subj "/CN=$5" \
        -addext "subjectAltName=$6" -keyout "$3/privkey.pem.new" -out "$3/fullchain.pem.new" 2>/dev/null
    chmod 0600 "$3/privkey.pem.new"
    chown "$4" "$3/privkey.pem.new"
fi
mv "$3/privkey.pem.new" "$3/privkey.pem"
mv "$3/fullchain.pem.new" "$3/fullchain.pem"
