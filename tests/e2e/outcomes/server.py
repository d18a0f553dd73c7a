"""Says what it got, answers, and says when the client has gone (which is after the client's end)."""
import socketserver
import sys


def say(line):
    """In one write: lines of two threads must not mix."""
    sys.stdout.write(line + "\n")


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        word = self.rfile.readline().decode().strip()
        say(f"got {word}")
        self.wfile.write(f"echo {word}\n".encode())
        self.rfile.read()
        say(f"closed {word}")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


with Server(("", 7100), Handler) as server:
    print("listening")
    server.serve_forever()
