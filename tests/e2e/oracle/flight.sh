#!/bin/sh
exec "$scenario_dir/oracle" flight "$server" "$connections" "$workers"
