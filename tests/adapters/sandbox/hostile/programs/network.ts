import type { HostileProgram } from "../hostile-program.ts";

/** Out of the sandbox over the network, or to other programs of this machine. */
export const network: HostileProgram[] = [
  {
    name: "connects over TCP",
    code: `
with attempt(socket.create_connection, ("127.0.0.1", TCP_PORT), timeout=2) or open(os.devnull) as connection:
    if hasattr(connection, "recv"): print(connection.recv(100))`,
    unconfined: true,
  },
  {
    name: "connects over TCP by system calls of its own",
    code: `
number = system_call("socket", 2, 1, 0)
if number >= 0:
    address = struct.pack("=H", 2) + struct.pack("!H4s8x", TCP_PORT, bytes([127, 0, 0, 1]))
    libc.connect(number, address, len(address))
    time.sleep(0.1)`,
    unconfined: true,
  },
  {
    name: "fetches a page by HTTP",
    code: `
import urllib.error, urllib.request
try: urllib.request.urlopen(f"http://127.0.0.1:{TCP_PORT}/", timeout=2).read()
except (OSError, ValueError): pass
except Exception as answer: print(type(answer))  # not HTTP what it gets`,
    unconfined: true,
  },
  {
    name: "lets a shell connect",
    code: `
import subprocess
subprocess.run(["bash", "-c", f"echo x > /dev/tcp/127.0.0.1/{TCP_PORT}"], stderr=subprocess.DEVNULL)`,
    unconfined: true,
  },
  {
    name: "connects in an event loop",
    code: `
import asyncio
async def connect():
    try: reader, _ = await asyncio.open_connection("127.0.0.1", TCP_PORT)
    except OSError: return
    print(await reader.read(100))
asyncio.run(connect())`,
    unconfined: true,
  },
  {
    name: "connects from a daemon that it leaves behind",
    code: `
def daemon():
    os.setsid()
    if os.fork() == 0:
        attempt(socket.create_connection, ("127.0.0.1", TCP_PORT), timeout=2)
        time.sleep(0.1)
        os._exit(0)
in_child(daemon)
time.sleep(0.2)`,
    unconfined: true,
  },
  {
    name: "sends a datagram",
    code: `
def send(): socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", UDP_PORT))
attempt(send)`,
    unconfined: true,
  },
  {
    name: "connects to a Unix socket",
    code: `
def connect():
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(UNIX_PATH)
    print(connection.recv(100))
attempt(connect)`,
    unconfined: true,
  },
  {
    name: "connects to an abstract socket",
    code: String.raw`
def connect():
    connection = socket.socket(socket.AF_UNIX)
    connection.connect("\0" + ABSTRACT_NAME)
    print(connection.recv(100))
attempt(connect)`,
    unconfined: true,
  },
  {
    name: "asks the kernel about the network",
    code: `must_fail("netlink", socket.socket, socket.AF_NETLINK, socket.SOCK_RAW, 0)`,
    unconfined: true,
  },
  {
    name: "opens sockets of every other family",
    code: `
for family in range(3, 46):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
        must_fail(f"family {family}, kind {kind}", socket.socket, family, kind, 0)
must_fail("raw IP", socket.socket, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)`,
    unconfined: true,
  },
  {
    name: "waits for connections",
    code: `
def listen():
    server = socket.create_server(("0.0.0.0", 0))
    escaped(f"listens on {server.getsockname()}")
attempt(listen)`,
    unconfined: true,
  },
];
