#!/usr/bin/env bash
# debian.sh odoo|chromium|pip FOLDER: unpack packages of the mirror that this machine
# uses into that folder, without root and without installing them.
set -euo pipefail
what=$1 folder=$2
work=$(mktemp -d -p "$(dirname "$folder")")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists,cache/archives}/partial
options=("-oDir::State::lists=$work/lists" "-oDir::Cache=$work/cache"
    -oAcquire::Languages=none -oAPT::Sandbox::User=root)
# translations, and a second copy of Odoo's addons
excluded=(--exclude='*/i18n' --exclude='*/i18n_extra'
    --exclude=./usr/lib/python3/dist-packages/addons)

apt() {
    LC_ALL=C apt-get -q "${options[@]}" "$@"
}

unpack() {
    (cd "$work" && apt download "$@")
    for archive in "$work"/*.deb; do
        dpkg-deb --fsys-tarfile "$archive" |
            tar -x -C "$folder" --no-same-owner "${excluded[@]}"
    done
}

# Of many sources one is often out of order: whether that matters, the next step tells.
apt update || true
case $what in
odoo)
    mirror=$(apt indextargets --format '$(REPO_URI)' "Created-By: Packages" \
        "Origin: Debian" "Label: Debian" | head -n 1)
    [ "$mirror" ] || { echo "This machine's apt has no mirror of Debian." && exit 1; }
    keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    signed=$([ ! -e $keyring ] || echo "[signed-by=$keyring]")
    echo "deb $signed $mirror sid main" >"$work/sources.list"
    options+=("-oDir::Etc::sourcelist=$work/sources.list" -oAPT::Default-Release=
        -oDir::Etc::{sourceparts,preferences,preferencesparts}=/dev/null)
    apt update
    # Odoo's jQuery is a link to where libjs-jquery has it.
    unpack odoo-19 libjs-jquery
    # Debian leaves out mail's background blur. Without any file of that name, every page
    # logs an error on the browser's console; an empty one is enough.
    blur=$folder/usr/lib/python3/dist-packages/odoo/addons/mail/static/lib
    mkdir -p "$blur/selfie_segmentation"
    touch "$blur/selfie_segmentation/selfie_segmentation.js"
    ;;
chromium)
    mapfile -t needed < <(apt install --simulate --no-install-recommends chromium |
        awk '$1 == "Inst" {print $2}')
    unpack "${needed[@]}"
    program=$folder/usr/lib/chromium
    libraries=$(find "$folder" -name '*.so*' -printf '%h\n' | sort -u |
        grep -Fvx "$program" | paste -sd:)
    mkdir -p "$folder/bin"
    printf '#!/usr/bin/env bash\nLD_LIBRARY_PATH=%q exec %q "$@"\n' \
        "$libraries" "$program/chromium" >"$folder/bin/chromium"
    chmod +x "$folder/bin/chromium"
    ;;
pip) # Debian's Python comes without pip and ensurepip; its mirror has a wheel of it
    unpack python3-pip-whl
    ;;
esac
