#!/bin/sh
exec "$scenario_dir/oracle" talk "$server" "$rounds" "$workers"
