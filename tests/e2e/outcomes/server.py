"""Says what it got, answers, and says when the client has gone (which is after the client's end)."""
import socketserver


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        word = self.rfile.readline().decode().strip()
        print(f"got {word}")
        self.wfile.write(f"echo {word}\n".encode())
        self.rfile.read()
        print(f"closed {word}")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


with Server(("", 7100), Handler) as server:
    print("listening")
    server.serve_forever()
