"""A throw-away certificate authority, and certificates for servers on loopback. Made by openssl."""
import os
import subprocess


def _openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=30)


class Authority:
    """`ca_file` is what a client trusts; issue() makes a server's certificate and key, both readable by all: the keys guard
    nothing but a test."""

    def __init__(self, folder, name="Attune test authority"):
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        self.folder = str(folder)
        self.ca_file = f"{self.folder}/ca.pem"
        _openssl(self.folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-keyout", "ca.key", "-out", "ca.pem", "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, label, alternative_names="DNS:localhost,IP:127.0.0.1", days=2):
        """Returns (certificate, key). alternative_names as openssl's subjectAltName takes them."""
        _openssl(self.folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{label}.key",
                 "-out", f"{label}.csr", "-subj", f"/CN={label}")
        with open(f"{self.folder}/{label}.ext", "w", encoding="ascii") as extensions:
            extensions.write(f"subjectAltName={alternative_names}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
        _openssl(self.folder, "x509", "-req", "-in", f"{label}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                 "-days", str(days), "-extfile", f"{label}.ext", "-out", f"{label}.pem")
        for made in ("ca.pem", f"{label}.pem", f"{label}.key"):
            os.chmod(f"{self.folder}/{made}", 0o644)
        return f"{self.folder}/{label}.pem", f"{self.folder}/{label}.key"
