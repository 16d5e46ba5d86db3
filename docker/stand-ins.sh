#!/usr/bin/env bash
# Makes the base images of the Dockerfile under their public tags, for machines that reach Debian's packages but no
# image registry: `debian:bookworm-slim` by debootstrap, `rust:1-bookworm` as that with this machine's Rust and gcc.
# Both trust whom this machine trusts beyond Debian's authorities. Tags that the engine has already are left alone.
#   docker/stand-ins.sh            needs root, debootstrap, a Docker engine, and Rust for the second image
set -euo pipefail

suite=bookworm
work=$(mktemp -d)
# A package's script may have mounted something in there.
trap 'umount -R "$work/root/proc" 2>/dev/null || true; rm -rf --one-file-system "$work"' EXIT
root=$work/root

# A command inside, with nothing of this machine's environment.
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive sh -c "$1" >/dev/null; }

has() { docker image inspect "$1" >/dev/null 2>&1; }

# One layer of what is in $root, with the settings of the public image.
image() {
  tar --numeric-owner --one-file-system -C "$root" -c . | docker import "${@:2}" - "$1" >/dev/null
  echo "made $1"
}

debian() {
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" >/dev/null
  # The mirror stays the one that debootstrap uses; later fixes come from the same place.
  sed -n "s/^deb \(.*\) $suite main.*/deb \1 $suite main\ndeb \1 $suite-updates main/p" \
    "$root/etc/apt/sources.list" >"$root/etc/apt/sources.list.new"
  mv "$root/etc/apt/sources.list.new" "$root/etc/apt/sources.list"
  # What makes the public image slim.
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,info,locale}/*
  cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
  inside 'update-ca-certificates 2>/dev/null'
}

rust() {
  local toolchain
  toolchain=$(rustc --print sysroot)
  mount -t proc proc "$root/proc"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  inside 'apt-get update -q && apt-get install -yq --no-install-recommends gcc libc6-dev make pkg-config'
  umount "$root/proc"
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
  mkdir -p "$root/usr/local/rust"
  cp -r "$toolchain/bin" "$toolchain/lib" "$root/usr/local/rust/"
}

if ! has debian:$suite-slim || ! has rust:1-$suite; then
  mkdir -p "$root"
  debian
  has debian:$suite-slim || image debian:$suite-slim --change 'CMD ["bash"]'
  if ! has rust:1-$suite; then
    rust
    image rust:1-$suite \
      --change 'ENV PATH=/usr/local/cargo/bin:/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin CARGO_HOME=/usr/local/cargo'
  fi
fi
