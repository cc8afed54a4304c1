# shellcheck shell=sh
# certificate FILE KEY FOLDER: what is to be said of a service's certificate in FOLDER, in a word. FILE and KEY are where it
# comes from, both empty for a self-signed one.
certificate() {
    if ! command -v openssl >/dev/null; then
        # It is asked again once the packages are there.
        echo stale
    elif [ -z "$1" ]; then
        if [ -s "$3/fullchain.pem" ] && [ -e "$3/self-signed" ]; then echo current; else echo stale; fi
    elif ! key=$(openssl pkey -in "$2" -pubout 2>/dev/null); then
        echo nokey
    elif ! public=$(openssl x509 -in "$1" -noout -pubkey 2>/dev/null); then
        echo nocertificate
    elif [ "$key" != "$public" ]; then
        echo mismatch
    elif ! openssl x509 -in "$1" -noout -checkend 0 >/dev/null; then
        echo expired
    elif cmp -s "$1" "$3/fullchain.pem" && cmp -s "$2" "$3/privkey.pem"; then
        echo current
    else
        echo stale
    fi
}
