#!/bin/sh
# An address that no client's neighbour table has until somebody sends to it.
ip address add "${server%.*}.$((${server##*.} + 100))/24" dev "$server_name-eth0"
exec "$scenario_dir/oracle" serve
