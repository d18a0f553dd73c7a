#!/bin/sh
exec "$scenario_dir/oracle" serve
