#!/bin/sh
exec python3 "$scenario_dir/datagrams.py" sink
