exec python3 -u "$scenario_dir/server.py"
