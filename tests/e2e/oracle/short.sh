#!/bin/sh
exec "$scenario_dir/oracle" short "$server" "$connections" "$workers"
