#!/bin/sh -eu
# Without ARP the first packet of the sender's link is the first datagram, in every run.
ip neigh replace "$server" lladdr "$mac" dev "$(ip -o route get "$server" | sed 's/.* dev \([^ ]*\).*/\1/')" nud permanent
exec python3 "$scenario_dir/datagrams.py" send "$server" "$datagrams"
