"""A throw-away Dovecot on free loopback ports, in a temporary folder of its own.

It never runs as root: root starts it as `nobody`, anyone else as themselves, so one configuration serves both. Nothing
outside its folder is touched and no service of the host is involved.

    with Dovecot(users=["support"]) as server:
        server.append("support", "INBOX", b"From: ...")
        server.contents("support")   # {message-id: [Place(folder, uid, flags, size)]}
"""
import collections
import contextlib
import grp
import imaplib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from certificates import Authority

imaplib._MAXLINE = 40_000_000  # a SEARCH over 10,000 messages answers in one line

Place = collections.namedtuple("Place", "folder uid flags size")
START_LIMIT_S = 10

CONFIGURATION = """
protocols = imap
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
default_vsz_limit = 1G
first_valid_uid = 1
first_valid_gid = 1
mail_uid = {uid}
mail_gid = {gid}
mail_location = {location}
mail_fsync = {fsync}
mail_max_userip_connections = 1000
mailbox_idle_check_interval = 1s
auth_mechanisms = plain login
auth_failure_delay = 0
disable_plaintext_auth = no
passdb {{
  driver = static
  args = password=secret-of-%u
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = /
}}
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 1
  client_limit = 1000
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {tls_port}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 1000
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
{extra}
"""


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Dovecot:
    """fsync: mail_fsync of Dovecot (`never` for speed). certificate: (file, key), by default one of `authority` for
    localhost. extra: further lines of configuration."""

    def __init__(self, users=("support",), location="maildir:~/Maildir", fsync="never", authority=None, certificate=None, extra=""):
        self.folder = tempfile.mkdtemp(prefix="attune-dovecot-")
        os.chmod(self.folder, 0o755)
        account = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.uid, self.gid, self.account = account.pw_uid, account.pw_gid, account.pw_name
        self.process = None
        self.port, self.tls_port = free_port(), free_port()
        self.authority = authority or Authority(f"{self.folder}/authority")
        self.certificate = certificate or self.authority.issue("localhost")
        self.settings = {"location": location, "fsync": fsync, "extra": extra}
        self.passwords = {}
        for folder in ("run", "state", "home"):
            os.makedirs(f"{self.folder}/{folder}")
            os.chown(f"{self.folder}/{folder}", self.uid, self.gid)
        os.chown(self.folder, self.uid, self.gid)
        self._write_configuration()
        for user in users:
            self.add_user(user)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    @property
    def ca_file(self):
        return self.authority.ca_file

    def _write_configuration(self):
        text = CONFIGURATION.format(folder=self.folder, user=self.account, group=grp.getgrgid(self.gid).gr_name, uid=self.uid,
                                    gid=self.gid, port=self.port, tls_port=self.tls_port, certificate=self.certificate[0],
                                    key=self.certificate[1], **self.settings)
        with open(f"{self.folder}/dovecot.conf", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(file.name, 0o644)

    def _as_account(self):
        """subprocess arguments that step down to the account."""
        if os.geteuid() != 0:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def use_certificate(self, certificate):
        """Another certificate, from the next start on."""
        self.certificate = certificate
        self._write_configuration()

    def add_user(self, user):
        """Also while the server runs. Every name may log in with the password `secret-of-NAME`."""
        self.passwords[user] = f"secret-of-{user}"
        os.makedirs(f"{self.folder}/home/{user}", exist_ok=True)
        os.chown(f"{self.folder}/home/{user}", self.uid, self.gid)

    # --- running ---

    def start(self):
        self.process = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", f"{self.folder}/dovecot.conf"], cwd=self.folder,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        start_new_session=True, **self._as_account())
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"dovecot did not start: {self.process.stderr.read().decode()}\n{self.log()}")
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as probe:
                    if probe.recv(64).startswith(b"* OK"):
                        return self
            except OSError:
                time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"dovecot gave no greeting in {START_LIMIT_S} s\n{self.log()}")

    def stop(self, hard=False):
        """Stops the server and its connections; the mail stays."""
        if self.process is None:
            return
        children = self._descendants()
        self.process.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        for child in children:
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        self.process.stderr.close()
        self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _descendants(self):
        found, wanted = [], {self.process.pid}
        parents = {}
        for entry in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                parents[int(entry)] = int(file.read().rsplit(")", 1)[1].split()[1])
        while wanted:
            wanted = {pid for pid, parent in parents.items() if parent in wanted}
            found.extend(wanted)
        return found

    def drop_connections(self):
        """Ends every open IMAP session, as a server restart would."""
        for child in self._descendants():
            with contextlib.suppress(OSError), open(f"/proc/{child}/cmdline", "rb") as file:
                if file.read().startswith(b"dovecot/imap\0"):
                    os.kill(child, signal.SIGKILL)

    def log(self):
        with contextlib.suppress(OSError), open(f"{self.folder}/log", encoding="utf-8", errors="replace") as file:
            return file.read()
        return ""

    # --- what a person does in a mail program ---

    @contextlib.contextmanager
    def client(self, user):
        connection = imaplib.IMAP4("127.0.0.1", self.port, timeout=60)
        try:
            connection.login(user, self.passwords[user])
            yield connection
        finally:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                connection.logout()

    def append(self, user, folder, *messages, flags=None):
        """Adds messages as a delivery would: without flags unless said. Returns their UIDs."""
        uids = []
        with self.client(user) as connection:
            for message in messages:
                answer = _must(connection.append(_quoted(folder), flags, None, message))
                uids.append(int(re.search(rb"APPENDUID \d+ (\d+)", answer[0]).group(1)))
        return uids

    def folders(self, user):
        with self.client(user) as connection:
            return sorted(re.search(rb'"/" "?([^"]*)"?$', line).group(1).decode() for line in _must(connection.list()) if line)

    def create(self, user, *folders):
        with self.client(user) as connection:
            for folder in folders:
                connection.create(_quoted(folder))

    def contents(self, user, folders=None):
        """{message-id: [Place]}: one place for each copy. Changes no flag."""
        found = collections.defaultdict(list)
        with self.client(user) as connection:
            names = folders or [re.search(rb'"/" "?([^"]*)"?$', line).group(1).decode() for line in _must(connection.list()) if line]
            for folder in names:
                if connection.select(_quoted(folder), readonly=True)[0] != "OK":
                    continue
                answer = _must(connection.uid("FETCH", "1:*", "(UID FLAGS RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"))
                for part in answer:
                    if isinstance(part, tuple):
                        line = part[0].decode()
                        identity = re.search(rb"^message-id:\s*(<[^>]*>)", part[1], re.I | re.M)
                        found[identity.group(1).decode() if identity else f"(none {folder} {_number('UID', line)})"].append(
                            Place(folder, _number("UID", line), tuple(re.search(r"FLAGS \(([^)]*)\)", line).group(1).split()),
                                  _number("RFC822.SIZE", line)))
        return dict(found)

    def status(self, user, folder):
        with self.client(user) as connection:
            line = _must(connection.status(_quoted(folder), "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN)"))[0].decode()
            return {key: int(value) for key, value in re.findall(r"(\w+) (\d+)", line[line.rindex("("):])}

    def read(self, user, folder, uid):
        with self.client(user) as connection:
            _must(connection.select(_quoted(folder), readonly=True))
            answer = _must(connection.uid("FETCH", str(uid), "(BODY.PEEK[])"))
            return next((part[1] for part in answer if isinstance(part, tuple)), None)

    def move(self, user, folder, uid, destination):
        with self.client(user) as connection:
            _must(connection.select(_quoted(folder)))
            _must(connection.uid("MOVE", str(uid), _quoted(destination)))

    def delete(self, user, folder, uid):
        with self.client(user) as connection:
            _must(connection.select(_quoted(folder)))
            _must(connection.uid("STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)"))
            _must(connection.uid("EXPUNGE", str(uid)))

    def add_flags(self, user, folder, uid, flags):
        with self.client(user) as connection:
            _must(connection.select(_quoted(folder)))
            _must(connection.uid("STORE", str(uid), "+FLAGS.SILENT", f"({flags})"))

    def recreate(self, user, folder, messages=()):
        """Deletes the folder and makes it again, with other messages and another UIDVALIDITY."""
        with self.client(user) as connection:
            _must(connection.delete(_quoted(folder)))
            _must(connection.create(_quoted(folder)))
        return self.append(user, folder, *messages) if messages else []

    def change_validity(self, user, folder, value):
        """The same messages under another UIDVALIDITY, as after a server's repair or migration."""
        self.doveadm("mailbox", "update", "-u", user, "--uid-validity", str(value), folder)

    def doveadm(self, *arguments):
        done = subprocess.run(["/usr/bin/doveadm", "-c", f"{self.folder}/dovecot.conf", *arguments], cwd=self.folder, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **self._as_account())
        if done.returncode != 0:
            raise RuntimeError(f"doveadm {arguments}: {done.stdout.decode()}")
        return done.stdout.decode()


def _quoted(folder):
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _number(key, line):
    return int(re.search(rf"\b{re.escape(key)} (\d+)", line).group(1))


def _must(answer):
    status, data = answer
    if status != "OK":
        raise RuntimeError(f"{status} {data}")
    return data
