#!/usr/bin/python3
"""Writes the demo's mails (*.eml) and manifest.jsonl from source/*.txt.

A record of a source file is a block of `key: value` lines, an empty line, the text, and `attach: NAME` lines at its end;
`====` stands between records. Keys:
  file      the mail's name, beginning with its language
  urgency   what the triage guide says of it (a person's judgement, made without looking at the rules)
  accept    other urgencies that the guide leaves open
  voice     client, therapist or other
  note      why it is labelled so, or which trap it sets
  form      plain | html | alternative | forward with a transfer encoding and a charset; pgp, bounce, image, malformed
  header    a further header line

The mails are kept beside this file: run it after a change of the sources. Everyone in them is invented.
"""
import base64
import email.header
import email.utils
import html
import json
import os
import quopri
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
TO = "Support <support@example.org>"
FIRST_DATE = 1794560400  # 13 November 2026, 09:00 UTC; one mail every 11 minutes, so that none shares a date
DATE_STEP_S = 660


def read_records(path):
    with open(path, encoding="utf-8") as file:
        for block in file.read().split("\n====\n"):
            head, text = block.strip("\n").split("\n\n", 1) if "\n\n" in block.strip("\n") else (block.strip("\n"), "")
            record = {"header": [], "attach": [], "accept": ""}
            for line in head.splitlines():
                key, value = line.split(": ", 1)
                if key == "header":
                    record["header"].append(value)
                else:
                    record[key] = value
            lines = text.splitlines()
            while lines and lines[-1].startswith("attach: "):
                record["attach"].insert(0, lines.pop()[len("attach: "):])
            record["text"] = "\n".join(lines).strip("\n") + "\n" if lines else ""
            yield record


def header_value(text, charset):
    """As a mail program writes it: plain when it can be, else encoded words."""
    if text.isascii():
        return text
    return email.header.Header(text, charset, maxlinelen=70).encode(linesep="\r\n")


def address_value(text, charset):
    name, address = email.utils.parseaddr(text)
    return f"{header_value(name, charset)} <{address}>" if not name.isascii() else text


def body_lines(text, encoding, charset):
    """(header lines, body bytes) of a text part."""
    raw = text.replace("\n", "\r\n").encode(charset)
    if encoding == "base64":
        return [f"Content-Transfer-Encoding: {encoding}"], base64.encodebytes(raw).replace(b"\n", b"\r\n")
    if encoding == "quoted-printable":
        encoded = quopri.encodestring(text.encode(charset)).replace(b"\n", b"\r\n")
        return [f"Content-Transfer-Encoding: {encoding}"], encoded
    return [f"Content-Transfer-Encoding: {encoding}"], raw


def text_part(text, kind, encoding, charset):
    headers, body = body_lines(text, encoding, charset)
    return "\r\n".join([f"Content-Type: text/{kind}; charset={charset}", *headers]).encode() + b"\r\n\r\n" + body


def as_html(text):
    """What a web mailer makes of typed text: nested blocks, styles, a hidden preheader, entities for some letters."""
    paragraphs = [html.escape(paragraph).replace("\n", "<br>\n").replace("'", "&#39;") for paragraph in text.strip().split("\n\n")]
    blocks = "\n".join(f'<div dir="ltr"><p style="margin:0 0 1em 0">{paragraph}</p></div>' for paragraph in paragraphs)
    return ('<html><head><style type="text/css">p { font-family: sans-serif; } .x { display: none }</style></head>\n'
            f'<body><div class="x" style="display:none;max-height:0">&zwnj;&nbsp;</div>\n{blocks}\n'
            '<img src="cid:pixel" width="1" height="1" alt=""></body></html>\n')


def multipart(kind, parts, boundary):
    lines = [f'Content-Type: multipart/{kind}; boundary="{boundary}"'.encode(), b"", b"This is a multi-part message in MIME format."]
    for part in parts:
        lines += [f"--{boundary}".encode(), part.rstrip(b"\r\n")]
    lines += [f"--{boundary}--".encode(), b""]
    return b"\r\n".join(lines)


def attachment(name):
    """A small file of the kind its name says."""
    if name.endswith(".png"):
        def chunk(kind, data):
            return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
        content = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bytes([0, 0, 0, 8, 0, 0, 0, 8, 8, 0, 0, 0, 0]))
                   + chunk(b"IDAT", zlib.compress(b"\0" + b"\xff" * 8 + (b"\0" + b"\xaa" * 8) * 7)) + chunk(b"IEND", b""))
        kind = "image/png"
    else:
        content = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
        kind = "application/pdf"
    return (f'Content-Type: {kind}; name="{name}"\r\nContent-Disposition: attachment; filename="{name}"\r\n'
            "Content-Transfer-Encoding: base64\r\n\r\n").encode() + base64.encodebytes(content).replace(b"\n", b"\r\n")


def build_text(record, encoding="quoted-printable", charset="utf-8"):
    part = text_part(record["text"], "plain", encoding, charset)
    return with_attachments(record, part)


def build_html(record, encoding="quoted-printable", charset="utf-8"):
    return with_attachments(record, text_part(as_html(record["text"]), "html", encoding, charset))


def build_alternative(record, encoding="quoted-printable", charset="utf-8"):
    parts = [text_part(record["text"], "plain", encoding, charset), text_part(as_html(record["text"]), "html", encoding, charset)]
    return with_attachments(record, multipart("alternative", parts, f"=_alt_{record['file']}"))


def build_pgp(record):
    control = b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n"
    data = b'Content-Type: application/octet-stream; name="encrypted.asc"\r\n\r\n' + record["text"].replace("\n", "\r\n").encode()
    body = multipart('encrypted; protocol="application/pgp-encrypted"', [control, data], f"=_pgp_{record['file']}")
    return body


def build_bounce(record):
    status = (b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\n"
              b"Final-Recipient: rfc822; old.client@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n")
    original = (b"Content-Type: message/rfc822\r\n\r\nFrom: Support <support@example.org>\r\nTo: old.client@example.com\r\n"
                b"Message-ID: <sent-0001@example.org>\r\nSubject: Your invoice\r\n\r\nHello, your invoice is attached.\r\n")
    return multipart("report; report-type=delivery-status", [text_part(record["text"], "plain", "7bit", "us-ascii"), status, original],
                     f"=_dsn_{record['file']}")


def build_image(record):
    empty = text_part("\n", "plain", "7bit", "us-ascii")
    return multipart("mixed", [empty, attachment("zdjecie-kartki.png")], f"=_img_{record['file']}")


def build_malformed(record):
    """Declares a boundary that never comes, says base64 and breaks it off, and has control bytes in the middle."""
    raw = base64.encodebytes(record["text"].encode()).replace(b"\n", b"\r\n")
    return (b'Content-Type: multipart/mixed; boundary="never"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
            b"--other\r\nContent-Type: text/plain; charset=no-such-charset\r\n\r\n" + raw[:-9] + b"\x00\x01=\xff\xfe\r\n")


BUILDERS = {"plain": build_text, "html": build_html, "alternative": build_alternative, "forward": build_text, "pgp": build_pgp,
            "bounce": build_bounce, "image": build_image, "malformed": build_malformed}


def with_attachments(record, part):
    if not record["attach"]:
        return part
    return multipart("mixed", [part, *map(attachment, record["attach"])], f"=_mix_{record['file']}")


def build_message(record, number):
    form, *arguments = record["form"].split()
    charset = arguments[1] if len(arguments) > 1 and arguments[1] != "us-ascii" else "utf-8"
    lines = [f"From: {address_value(record['from'], charset)}", f"To: {TO}", f"Subject: {header_value(record['subject'], charset)}",
             f"Date: {email.utils.formatdate(FIRST_DATE + number * DATE_STEP_S)}", f"Message-ID: <{record['file']}@example.org>",
             *record["header"], "MIME-Version: 1.0"]
    return "\r\n".join(lines).encode("utf-8") + b"\r\n" + BUILDERS[form](record, *arguments)


def write_all(folder):
    """Writes mails and manifest into folder; the number of mails."""
    number = 0
    with open(f"{folder}/manifest.jsonl", "w", encoding="utf-8") as manifest:
        for source in sorted(os.listdir(f"{HERE}/source")):
            for record in read_records(f"{HERE}/source/{source}"):
                with open(f"{folder}/{record['file']}.eml", "wb") as file:
                    file.write(build_message(record, number))
                number += 1
                row = {"file": f"{record['file']}.eml", "message_id": f"<{record['file']}@example.org>", "language": record["file"][:2],
                       "urgency": record["urgency"], "accept": record["accept"].split(), "voice": record["voice"], "note": record["note"]}
                manifest.write(json.dumps(row, ensure_ascii=False) + "\n")
    return number


def main():
    for name in os.listdir(HERE):
        if name.endswith(".eml"):
            os.unlink(os.path.join(HERE, name))
    print(f"{write_all(HERE)} mails")
    return 0


if __name__ == "__main__":
    sys.exit(main())
