test "$PWD" = "$work"
exec python3 - "$server" "$word" <<'END'
import socket, sys
with socket.create_connection((sys.argv[1], 7100)) as s:
    s.sendall(f"{sys.argv[2]}\n".encode())
    print(s.makefile().readline().strip())
END
