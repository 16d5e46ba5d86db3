#!/bin/sh
# What a container of the cluster does: `node`, `controller`, `jupyter`, `healthy ROLE`, or any command.
set -eu

case ${1:-node} in
  node)
    # As in the tutorial, a node has the name that its variable says; else that of its container.
    exec prun node --listen 0.0.0.0:6818 --controller "$PRUN_CONTROLLER" --key "$PRUN_KEY" \
      --name "${SLURM_NODENAME:-$(hostname)}" --cpus "${NODE_CPUS:-2}" --memory "${NODE_MEMORY_MIB:-1000}"
    ;;
  controller)
    exec prun controller --dir /var/lib/prun --config /usr/local/share/prun/slurm.conf --listen 0.0.0.0:6817 --key "$PRUN_KEY"
    ;;
  jupyter)
    # An empty variable would be an empty token, which means none.
    [ -n "${JUPYTER_TOKEN:-}" ] || unset JUPYTER_TOKEN
    exec jupyter lab --ip=0.0.0.0 --port=8888 --no-browser --ServerApp.root_dir=/home/admin
    ;;
  healthy)
    case $2 in
      controller) exec sinfo --noheader >/dev/null ;;
      # The controller knows it, and hears from it.
      node) sinfo --noheader --nodes="${SLURM_NODENAME:-$(hostname)}" --format=%T | grep -qE '^(idle|mixed|allocated|drain)' ;;
      jupyter) exec python3 -c 'import urllib.request as r; r.urlopen("http://127.0.0.1:8888/api", timeout=4)' ;;
    esac
    ;;
  *)
    exec "$@"
    ;;
esac
