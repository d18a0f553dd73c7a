"""sink: takes datagrams and says nothing.  send SERVER N: sends N, of lengths that follow from their number."""
import select
import socket
import sys

PORT = 7100


def main():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if sys.argv[1] == "sink":
        s.bind(("", PORT))
        while True:
            s.recv(2048)
    count = int(sys.argv[3])
    # A source port of its own choice would be part of the packets, and so of what corruption meets.
    s.bind(("", PORT + 1))
    for i in range(count):
        s.sendto(i.to_bytes(4, "big") * (5 + i * 7919 % 300), (sys.argv[2], PORT))
        select.select([], [], [], 0.001)
    print(f"sent {count}")


main()
