"""A TCP proxy between attuned and an IMAP server (plaintext loopback), that can lose, hold or cut at a chosen command.

    proxy = Proxy(server.port)
    proxy.lose_reply("UID MOVE")      # the next such command reaches the server; its reply reaches nobody, the link is cut
    proxy.hold("UID MOVE")            # the next such command waits until proxy.release()
"""
import contextlib
import select
import socket
import threading

CHUNK = 65536


class Proxy:
    def __init__(self, target_port):
        self.target_port = target_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.commands = []          # every command line seen, without its tag
        self.cuts = 0               # how often a link was cut on order
        self.held = threading.Event()
        self._orders = []           # [(what, text)]
        self._watched = []          # [(text, action)]
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._closing = threading.Event()
        self._links = set()
        self._open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def lose_reply(self, text):
        self._orders.append(("lose", text))

    def cut_before(self, text):
        """The next such command never reaches the server."""
        self._orders.append(("cut", text))

    def hold(self, text):
        self.held.clear()
        self._released.clear()
        self._orders.append(("hold", text))

    def watch(self, text, action):
        """Calls action() each time such a command comes, before the server sees it."""
        self._watched.append((text, action))

    def release(self):
        self._released.set()

    def refuse(self, refuse=True):
        """New connections are closed at once, and the open ones cut: the server is away."""
        self._open = not refuse
        if refuse:
            self.cut_all()

    def cut_all(self):
        with self._lock:
            for link in list(self._links):
                with contextlib.suppress(OSError):
                    link.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._closing.set()
        self._released.set()
        # A blocked accept() does not see a close: wake it.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut_all()

    def _accept(self):
        while not self._closing.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if not self._open:
                client.close()
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self.target_port)) as server:
            with self._lock:
                self._links |= {client, server}
            try:
                self._relay(client, server)
            finally:
                with self._lock:
                    self._links -= {client, server}

    def _relay(self, client, server):
        pending = b""
        while True:
            for source in select.select([client, server], [], [])[0]:
                data = source.recv(CHUNK)
                if not data:
                    return
                if source is server:
                    client.sendall(data)
                    continue
                pending += data
                while b"\r\n" in pending:
                    line, pending = pending.split(b"\r\n", 1)
                    if not self._pass_command(line + b"\r\n", server):
                        return

    def _take_order(self, command):
        with self._lock:
            for order in self._orders:
                if order[1] in command:
                    self._orders.remove(order)
                    return order[0]
        return None

    def _pass_command(self, line, server):
        """False when the link is to be cut."""
        command = line.decode("ascii", "replace").split(" ", 1)[-1].strip()
        self.commands.append(command if not command.startswith("LOGIN") else "LOGIN")
        for text, action in self._watched:
            if text in command:
                action()
        order = self._take_order(command)
        if order == "hold":
            self.held.set()
            self._released.wait(60)
        if order == "cut":
            self.cuts += 1
            return False
        server.sendall(line)
        if order == "lose":
            self._await_tagged(server, line.split(b" ", 1)[0])
            self.cuts += 1
            return False
        return True

    @staticmethod
    def _await_tagged(server, tag):
        """Reads until the server has answered, so that the command has surely been done."""
        answer = b""
        while tag + b" " not in answer:
            data = server.recv(CHUNK)
            if not data:
                return
            answer += data
