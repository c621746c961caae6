"""Invented messages for the system tests and the measurements. The kinds match the phrases of tests/system/rules."""
import random

PHRASES = {
    "now": "I tell you the lighthouse goes dark tonight.",
    "soon": "I see that the harbour has no ships left.",
    "review": "There is rain on the slate roof again.",
    "safety": "I think a stranger follows the ferry.",
    "routine": "Could you send the invoice of last month once more?",
}
# Where a message of each kind must end, with the test policy and no agent folder.
FOLDERS = {"now": "Clinical/Urgent", "soon": "Clinical/Today", "review": "Clinical/Review", "safety": "Clinical/Safety", "routine": "INBOX"}

WORDS = {
    "en": "the session invoice please could move thursday because my work and I would like to thank you for help with account video app",
    "sl": "prosim termin račun hvala lepo ker bi rad prestavil uro na četrtek in moja služba pa tudi aplikacija dela slabo kadar je klic",
    "ro": "vă rog factura ședința mulțumesc pentru că aș vrea să mut ora pe joi și munca mea dar aplicația nu merge bine când este apel",
    "pl": "proszę faktura sesja dziękuję ponieważ chciałbym przenieść godzinę na czwartek i moja praca ale aplikacja źle działa kiedy jest rozmowa",
    "uk": "будь ласка рахунок сеанс дякую тому що хотів би перенести годину на четвер і моя робота але застосунок погано працює коли є дзвінок",
    "ru": "пожалуйста счёт сеанс спасибо потому что хотел бы перенести час на четверг и моя работа но приложение плохо работает когда есть звонок",
}


def message(number, kind="routine", text=None, headers=(), domain="example.org"):
    """One plain mail. Its Message-ID says which it is: <KIND-NUMBER@domain>."""
    lines = [f"From: Writer {number} <writer{number}@example.net>", "To: support@example.org", f"Subject: Question {number}",
             "Date: Fri, 13 Nov 2026 09:00:00 +0000", f"Message-ID: {identity(number, kind, domain)}", "MIME-Version: 1.0",
             "Content-Type: text/plain; charset=utf-8", *headers]
    body = text if text is not None else f"Hello, this is message {number}. {PHRASES[kind]} Thank you."
    return ("\r\n".join(lines) + "\r\n\r\n" + body.replace("\n", "\r\n") + "\r\n").encode()


def identity(number, kind="routine", domain="example.org"):
    return f"<{kind}-{number}@{domain}>"


def kind_of(message_id):
    return message_id[1:].split("-", 1)[0]


def mixture(count, seed=1):
    """Kinds for `count` messages: of twenty, one now, one soon, two review, one safety, the others routine; shuffled."""
    kinds = [("now", "soon", "review", "review", "safety")[number % 20] if number % 20 < 5 else "routine" for number in range(count)]
    random.Random(seed).shuffle(kinds)
    return kinds


def sized_messages(count, size=2048, seed=1):
    """Mails of about `size` bytes in six languages in turn, for measurements."""
    chooser = random.Random(seed)
    languages = sorted(WORDS)
    for number in range(count):
        words = WORDS[languages[number % len(languages)]].split()
        base = message(number, text="", domain="bench.example.org")
        text, length = [], len(base)
        while length < size:
            sentence = " ".join(chooser.choice(words) for _ in range(chooser.randint(6, 16))).capitalize() + "."
            length += len(sentence.encode()) + 2
            text.append(sentence)
        yield message(number, text="\n".join(text), domain="bench.example.org")
