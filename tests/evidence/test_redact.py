from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kdumpkit.evidence.redact import MASK, cleaned, redact, redact_text

CANARY = "Zq8CANARYx7"
_HEX = "0123456789ABCDEF" * 8
_SALT = "a1B2c3D4e5F6g7H8"
#: each holds CANARY, and nothing of it may be left
SECRETS = [
    f"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1\n{CANARY}\n-----END OPENSSH PRIVATE KEY-----\n",
    f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{CANARY}\n-----END RSA PRIVATE KEY-----",
    f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n{CANARY}\n-----END PGP PRIVATE KEY BLOCK-----",
    f'{{"key": "-----BEGIN PRIVATE KEY-----\\n{CANARY}\\n-----END PRIVATE KEY-----"}}',
    f"-----BEGIN EC PRIVATE KEY-----\n{CANARY}\nand the rest was cut off",
    f"password={CANARY}",
    f"PASSWORD = {CANARY}",
    f"Password:\t{CANARY}",
    f"password='{CANARY} with spaces'",
    f'password="{CANARY} with \\"quotes\\" {CANARY}"',
    f'password="{CANARY} and no end\n',
    f'{{"password": "{CANARY}"}}',
    f"{{'password': '{CANARY}'}}",
    f'"{{\\"password\\": \\"{CANARY}\\"}}"',
    f"password={'x' * 5000}{CANARY}",
    f"quiet rd.iscsi.in.password={CANARY} crashkernel=256M",
    f"MY_VERY_LONG_PREFIX_OF_THE_DB_PASSWORD={CANARY}",
    f"userPassword: {CANARY}",
    f"db.passwd={CANARY}",
    f"KEY_PASSPHRASE={CANARY}",
    f"client_secret={CANARY}",
    f"aws_secret_key={CANARY}",
    f"AWS_SECRET_ACCESS_KEY={CANARY}",
    f"api-key: {CANARY}",
    f"APIKEY={CANARY}",
    f"PrivateKey = {CANARY}=",
    f"access_token={CANARY}",
    f"auth-token: {CANARY}",
    f"Authorization: Basic {CANARY}==",
    f"authorization: Bearer {CANARY}.{CANARY}",
    f'"Authorization": "Bearer {CANARY}"',
    f"https://user:{CANARY}@example.org/x",
    f"smb://user:p/{CANARY}".replace("p/", "p") + "@host/share",
    f"redis://:{CANARY}@host",
    f"ftp://user:a@{CANARY}@host/",
    f"http_proxy=http://user:{'y' * 500}{CANARY}@proxy:3128",
    f"netroot=iscsi:user:{CANARY}@192.0.2.1::3260::iqn.x",
    f"password root {CANARY}",
    f"  password root {CANARY}\r\n",
    f"set superusers=root\npassword admin {CANARY}\nexport superusers",
    f"ghp_{CANARY}{'a' * 36}",
    f"glpat-{CANARY}{'a' * 20}",
    f"token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{CANARY}abcdef",
]  # fmt: skip
#: password hashes: the whole of it goes
HASHES = [
    f"password_pbkdf2 root grub.pbkdf2.sha512.10000.{_HEX}.{_HEX}",
    f"root:$6${_SALT}${_SALT * 5}:19000:0:99999:7:::",
    f"root:$y$j9T${_SALT}${_SALT * 3}:19000::::::",
    f"root:$5$rounds=5000${_SALT}${_SALT * 3}:1::::::",
    f"root:$1${_SALT[:8]}${_SALT}abcdef:1::::::",
    f"user:$2y$05${_SALT * 4}",
    f"password --md5 $1$abc${_SALT}abcdef",
]
ORDINARY = [
    # /etc/default/grub, /etc/default/kdump-tools, kdump.conf
    'GRUB_DEFAULT=0\nGRUB_TIMEOUT=5\nGRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`\n',
    'GRUB_CMDLINE_LINUX_DEFAULT="quiet splash crashkernel=256M,high crashkernel=72M,low"\n#GRUB_TERMINAL=console\n',
    'USE_KDUMP=1\nKDUMP_COREDIR="/var/crash"\nMAKEDUMP_ARGS="-F -c -d 31"\n# SSH_KEY="/root/.ssh/id_rsa"\n',
    "path /var/crash\ncore_collector makedumpfile -l --message-level 7 -d 31\nsshkey /root/.ssh/kdump_id_rsa\n",
    # kernel command line, sysctl, /proc
    "BOOT_IMAGE=/boot/vmlinuz-6.1.0-49-amd64 root=UUID=8f0d5a2e-5a11-4f0b-8f51-5a0a8d8c8b1a ro quiet console=ttyS0\n",
    "kernel.panic = 10\nkernel.keys.maxkeys = 200\nkernel.sysrq = 438\nnet.core.default_qdisc = fq\n",
    "  28000000-37ffffff : Crash kernel\n100000000-23fffffff : System RAM\n",
    "key = value\nkeyfile: /etc/luks/key\ntoken ring\nthe two tokens: crashkernel=128M and crashkernel=256M\n",
    # ssh and sudo
    "root@web01: Permission denied (publickey,password).\r\n",
    "debug1: Next authentication method: password\n",
    "passwordauthentication yes\npermitrootlogin prohibit-password\n",
    "root@192.0.2.7's password: \r\nPermission denied, please try again.\n",
    "sudo: a password is required\nSorry, user deploy may not run sudo on web01.\n",
    "Enter passphrase for key '/root/.ssh/id_ed25519': \n",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9w5xk1x2T7 root@web01\n",
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n",
    # the password files' names and PAM
    "/etc/passwd:root:x:0:0:root:/root:/bin/bash\n",
    "passwd:         files systemd\nshadow:         files\n",
    "pam_unix(passwd:chauthtok): changed for root\n",
    "password   required   pam_unix.so\npassword requisite pam_deny.so\npassword is required\n",
    "systemd[1]: Started systemd-ask-password-console.path - Dispatch Password Requests to Console.\n",
    # addresses and what is not a URL with a password
    "ssh://root@web01:22/\nhttp://archive.example.org:80/debian\nnfs://server:/export/crash@2026\n10.0.0.1:/export\n",
    "ssh_destination: admin@web01.example.org\n",
    "tty $6$ and $1 $2 $5 in a shell script: echo $1$2\n",
    "add this line with visudo: ops ALL=(root) NOPASSWD: ALL\n",
    "[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000000\n",
    "Build id: 3b43fad5034874490492495d552c0af6a5fab235 sha256:" + _HEX.lower() + "\n",
]  # fmt: skip


@pytest.mark.parametrize("text", SECRETS)
def test_a_planted_secret_is_masked(text: str) -> None:
    masked = redact(f"before\n{text}\nafter\n".encode())
    assert CANARY.encode() not in masked
    assert MASK in masked
    assert masked.startswith(b"before\n")


@pytest.mark.parametrize("text", HASHES)
def test_a_password_hash_is_masked(text: str) -> None:
    masked = redact_text(text)
    assert _SALT not in masked
    assert _HEX not in masked
    assert MASK.decode() in masked


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_files_and_messages_are_left_alone(text: str) -> None:
    assert redact_text(text) == text


def test_a_shell_file_is_still_one_after_masking() -> None:
    text = 'GRUB_CMDLINE_LINUX="quiet rd.iscsi.password=x crashkernel=1G"\nPASSWORD="a b"\nX=1\n'
    assert redact_text(text) == (
        'GRUB_CMDLINE_LINUX="quiet rd.iscsi.password=[masked] crashkernel=1G"\nPASSWORD="[masked]"\nX=1\n'
    )


def test_a_cut_off_key_takes_nothing_of_the_next_file() -> None:
    text = "==> /a <==\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n==> /b <==\nroot=/dev/sda1\n"
    assert redact_text(text).endswith("==> /b <==\nroot=/dev/sda1\n")
    assert "MIIE" not in redact_text(text)


#: what the patterns are made of, so that their borders and overlaps are met
_PIECES = st.sampled_from(
    [
        "password", "secret", "passwd", "api_key", "=", ":", ": ", " ", "\n", '"', "'", "\\", ",", ";", "@", "/",
        "://", "ab://u:", "https://", "a", "hunter2", "[masked]", "-----BEGIN PRIVATE KEY-----", "-----",
        "-----END PRIVATE KEY-----", "authorization: basic ", "$6$ab$", "0123456789abcdef", "netroot=iscsi:",
        "grub.pbkdf2.sha512.1.", "password root x\n", "==>", "ü", "\x1b[1m", "\x00", "\r", "ghp_",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(_PIECES, max_size=14).map("".join))
# a mask that makes another pattern match
@example("ab://a.secret:,abc@host")
@example('password="a"password=b')
def test_masking_what_is_masked_changes_nothing(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once
    assert redact(once.encode()) == once.encode()


@settings(max_examples=200, deadline=None)
@given(st.lists(_PIECES, max_size=12).map("".join))
def test_what_is_shown_is_the_same_live_and_in_a_replay(text: str) -> None:
    shown = cleaned(text)
    assert cleaned(redact_text(text)) == shown
    assert cleaned(shown) == shown


@given(st.binary(max_size=300))
def test_bytes_without_a_secret_come_back_as_they_were(data: bytes) -> None:
    if not any(word in data.lower() for word in (b"pass", b"secret", b"key", b"token", b"://", b"$", b"root", b"eyj")):
        assert redact(data) == data


@given(st.text(alphabet=st.characters(), max_size=60))
def test_any_text_even_with_lone_surrogates_can_be_masked(text: str) -> None:
    assert isinstance(redact_text(text + "\ud800\udcff password=x"), str)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1H\x1b[?25lgone", "gone"),
        ("\x1b]0;title\x07text", "0;titletext"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("nul\x00 bell\x07 del\x7f c1\x9b31m", "nul bell del c131m"),
        ("user\u202egnp.exe\u2066x\u2069", "usergnp.exex"),
        ("a\u200bb\u200fc\ufeffd\u2028e\U000e0041f", "abcdef"),
        ("pass\x1b[0mword=hunter2", "password=[masked]"),
        ("ünïcode 日本 👍🏽", "ünïcode 日本 👍🏽"),
    ],
)
def test_what_a_terminal_or_a_reader_would_be_misled_by_is_taken_out(text: str, shown: str) -> None:
    assert cleaned(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        b"a-b-" * 250_000,
        b"password" * 60_000,
        b'secret="\\' * 60_000,
        b"x://" * 120_000,
        b"-----BEGIN PRIVATE KEY-----\n" * 20_000,
        b"password" + b" " * 500_000,
        b"$1$aaaa$" * 60_000,
        b"x" * 1_000_000,
    ],
    ids=lambda text: text[:12].decode(),
)
def test_hostile_output_costs_time_in_proportion_to_its_length(text: bytes) -> None:
    began = time.process_time()
    redact(text)
    assert time.process_time() - began < 4
