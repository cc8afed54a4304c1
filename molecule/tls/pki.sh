#!/bin/sh
# A CA of the test's own in $1, and certificates of it for the name $2.
set -eu
mkdir -p "$1"
cd "$1"
key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"; }
# sign NAME ISSUER EXTENSIONS [option...]
sign() {
    key "$1"
    printf '%b' "$3" >"$1.ext"
    signed=$1 issuer=$2
    shift 3
    openssl req -new -key "$signed.key" -subj "/CN=$signed" \
        | openssl x509 -req -extfile "$signed.ext" -CA "$issuer.pem" -CAkey "$issuer.key" -CAcreateserial -out "$signed.pem" "$@" 2>/dev/null
}
for root in root foreign; do
    key "$root"
    openssl req -x509 -key "$root.key" -subj "/CN=$root" -days 3650 -out "$root.pem"
done
sign middle root 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n' -days 3650
for name in own newer; do
    sign "$name" middle "subjectAltName=DNS:$2\n" -days 90
    cat "$name.pem" middle.pem >"$name.chain"
done
key other
cat own.pem foreign.pem >own.wrong
sign expired middle "subjectAltName=DNS:$2\n" -days 0
cat expired.pem middle.pem >expired.chain
touch ready
