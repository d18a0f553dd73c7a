#!/bin/sh
exec "$scenario_dir/oracle" talk "$server" "$exchanges"
