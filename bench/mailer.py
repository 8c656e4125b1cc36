"""Sending by SMTP beside another mailer with a queue in its database: django-post_office, to the same mail server."""

from __future__ import annotations

from bench.peers import measured
from bench.report import Report
from bench.smtp import mail_server, sent_by_smtp

_PEER = "django-post_office==3.10.0"
_E_MAILS = 3_000
_CONNECTIONS = 4

_PROGRAM = """
import json, sys, time
import django
from django.conf import settings
port, count, connections = (int(word) for word in sys.argv[2:5])
settings.configure(
    SECRET_KEY="bench", USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": sys.argv[1]}},
    INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
    TEMPLATES=[
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "NAME": "django"},
        {"BACKEND": "post_office.template.backends.post_office.PostOfficeTemplates", "NAME": "post_office",
         "OPTIONS": {"context_processors": []}},
    ],
    EMAIL_BACKEND="post_office.EmailBackend", EMAIL_HOST="127.0.0.1", EMAIL_PORT=port,
    POST_OFFICE={
        "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
        "THREADS_PER_PROCESS": connections, "BATCH_SIZE": 500, "LOG_LEVEL": 0,
    },
)
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from post_office import mail
from post_office.mail import send_queued
from post_office.models import Email, EmailTemplate, STATUS
body = "<p>Dear {{ name }}, your code is {{ code }}.</p>" + "<p>A line of the shop's e-mail.</p>" * 390
EmailTemplate.objects.create(name="bench", subject="15% for {{ name }}", content="Your code is {{ code }}.", html_content=body)
began = time.perf_counter()
for start in range(0, count, 500):
    mail.send_many([
        {"recipients": [f"customer{number}@example.com"], "sender": "Shop <hello@shop.example>", "template": "bench",
         "context": {"name": f"Customer {number}", "code": f"BACK-{number:06d}"}, "render_on_delivery": True}
        for number in range(start, min(count, start + 500))
    ])
queued = time.perf_counter()
while Email.objects.filter(status=STATUS.queued).exists():
    send_queued(processes=1, log_level=0)
print(json.dumps({"sent": Email.objects.filter(status=STATUS.sent).count(), "seconds": time.perf_counter() - queued,
                  "queueing": queued - began}))
"""


def run(report: Report) -> None:
    """Measure both with so many connections, on SQLite. Neither time includes writing the queue's rows."""
    report.section(
        "E-mails a second by SMTP, beside another mailer",
        f"Of 14 kB, to a server that takes no time, by {_CONNECTIONS} connections, on SQLite. Peer: {_PEER}, whose threads have a"
        f" connection each, of {_E_MAILS:,} e-mails in its queue.",
    )
    with mail_server(0.0) as port:
        found = measured(_PEER, _PROGRAM, str(port), str(_E_MAILS), str(_CONNECTIONS))
    beside = {"peer": found["sent"] / found["seconds"]} if found is not None else {}
    report.row("Tillroll", sent_by_smtp("SQLite", 0.0, _CONNECTIONS), "e-mails/s", beside=beside)
