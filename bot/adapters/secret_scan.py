"""Looks for secrets in added lines with detect-secrets: on this machine alone, and without telling what they are.

Its detectors are called one by one. The library's own way over whole files would ask services on the network whether a
secret is real, and obey comments that allow one."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from bot.domain.checks.base import PossibleSecret, Scan
from bot.domain.checks.work import TextFile, real_name

if TYPE_CHECKING:
    from detect_secrets.plugins.base import BasePlugin, RegexBasedDetector
    from detect_secrets.plugins.high_entropy_strings import HighEntropyStringsPlugin

MAX_CHARACTERS = 4 * 1024 * 1024
MAX_LINES = 50_000
_PIECE = 1000
_OVERLAP = 200
_NOT_SEARCHED = re.compile(r"\.(?:lock|sum|map|svg|css)\Z|(?:\A|/)(?:package-lock|npm-shrinkwrap|pnpm-lock)\.\w+\Z")
_EXAMPLE = re.compile(
    r"EXAMPLE|\A(?:change|replace|insert|enter|your|dummy|fake|placeholder|redacted|(?:my|some|sample|test)[-_ ])"
    r"|\A(?:foo|bar|baz|none|null|true|false|undefined|passw(?:or)?d|secret|hunter)\d*\Z|\A(.)\1*\Z|\A[\s.*x-]+\Z",
    re.IGNORECASE,
)
_EXAMPLE_TOKEN = re.compile(r"EXAMPLE|(\w)\1{11}", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z_.\-/: ]*\Z")
_KEY = re.compile(r"[A-Za-z0-9+/=]{24}")
_SETTINGS_FILE = re.compile(r"(?:\A|/)\.env(?:\.[\w.-]+)?\Z|\.(?:env|envrc|cnf|netrc)\Z")
_MORE_TOKENS = (
    ("Anthropic API Key", re.compile(r"\bsk-ant-[A-Za-z0-9_-]{20,}")),
    ("GitHub Token", re.compile(r"\bgithub_pat_[A-Za-z0-9_]{22,}")),
    ("Google API Key", re.compile(r"\bAIza[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])")),
)


class _Detectors(NamedTuple):
    """Those that know a secret by its form, those that suspect one, and those that measure randomness."""

    tokens: tuple["RegexBasedDetector", ...]
    suspicions: tuple["RegexBasedDetector", ...]
    random: tuple["HighEntropyStringsPlugin", ...]


def scan(texts: Iterable[TextFile], unread: Iterable[str] = ()) -> Scan:
    """What looks like a secret in the added lines, at most once a line. What comes after 4 MiB or 50,000 lines is
    told as unread, with what already was."""
    found: list[PossibleSecret] = []
    left_out = list(unread)
    lines = characters = 0
    for text in texts:
        if _NOT_SEARCHED.search(real_name(text.path)):
            continue
        lines += len(text.added)
        characters += sum(len(line) for _, line in text.added_lines)
        if characters > MAX_CHARACTERS or lines > MAX_LINES:
            left_out.append(text.path)
            continue
        for number, line in text.added_lines:
            worst = max(_in_line(real_name(text.path), line), key=_weight, default=None)
            if worst is not None and worst.kind == "Private Key" and not _has_key(text, number):
                worst = worst._replace(sure=False, weak=True)
            if worst is not None:
                found.append(worst._replace(path=text.path, line=number))
    return Scan(tuple(found), tuple(left_out))


def _has_key(text: TextFile, number: int) -> bool:
    """Whether a key follows its heading, on the same line or soon after: code that reads keys has the heading alone."""
    after = text.lines[number - 1][:_PIECE].rpartition("KEY-----")[2]
    return any(_KEY.search(line[:_PIECE]) for line in (after, *text.lines[number : number + 4]))


def _weight(possible: PossibleSecret) -> tuple[bool, bool]:
    return possible.sure, not possible.weak


def _in_line(path: str, line: str) -> Iterator[PossibleSecret]:
    """A long line is searched in pieces that overlap: some expressions take time by the square of the length."""
    for start in range(0, max(len(line), 1), _PIECE - _OVERLAP):
        piece = line[start : start + _PIECE]
        if len(piece) > 7:
            yield from _in_piece(path, piece)
        if start + _PIECE >= len(line):
            return


def _in_piece(path: str, line: str) -> Iterator[PossibleSecret]:
    detectors = _detectors()
    for kind, form in _MORE_TOKENS:
        if (found := form.search(line)) and not _EXAMPLE_TOKEN.search(found[0]):
            yield PossibleSecret("", 0, kind, sure=True)
    for detector in detectors.tokens:
        # Not by `analyze_string`, which tells of some tokens their first letters only.
        forms = (found[0] for form in detector.denylist for found in form.finditer(line))
        if any(not _EXAMPLE_TOKEN.search(token) for token in forms):
            yield PossibleSecret("", 0, detector.secret_type, sure=True)
    for suspicion in detectors.suspicions:
        if any(_may_be(secret, line, suspicion) for secret in suspicion.analyze_string(line)):
            # Its form is common in other words, `APACHELICENSE` among them.
            weak = suspicion.secret_type.startswith("Artifactory")
            yield PossibleSecret("", 0, suspicion.secret_type, sure=False, weak=weak)
    for secret in _keywords(path, line):
        words = _WORDS.match(secret) is not None
        yield PossibleSecret("", 0, "a value assigned to a secret's name", sure=False, weak=words)
    for measure in detectors.random:
        for text in measure.analyze_string(line):
            if measure.calculate_shannon_entropy(text) > measure.entropy_limit and _may_be(text, line, measure):
                yield PossibleSecret("", 0, measure.secret_type, sure=False, weak=True)


def _keywords(path: str, line: str) -> Iterator[str]:
    """Values assigned to a name such as `password`, but for words that people read."""
    from detect_secrets.plugins.keyword import (
        CONFIG_DENYLIST_REGEX_TO_GROUP,
        QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP,
        REGEX_BY_FILETYPE,
        KeywordDetector,
    )
    from detect_secrets.util.filetype import determine_file_type

    forms = CONFIG_DENYLIST_REGEX_TO_GROUP
    if not _SETTINGS_FILE.search(path):
        forms = REGEX_BY_FILETYPE.get(determine_file_type(path), QUOTES_REQUIRED_DENYLIST_REGEX_TO_GROUP)
    detector = KeywordDetector()
    for secret in detector.analyze_string(line, denylist_regex_to_group=forms):
        if len(secret) >= 6 and not re.search(r"\s", secret) and _may_be(secret, line, detector):
            yield secret


def _may_be(secret: str, line: str, detector: "BasePlugin") -> bool:
    """Whether none of the usual reasons speaks against it: a reference, an id, a sequence, an example."""
    from detect_secrets.filters import heuristic

    return not (
        _EXAMPLE.search(secret)
        or heuristic.is_sequential_string(secret)
        or heuristic.is_potential_uuid(secret)
        or heuristic.is_likely_id_string(secret, line, detector)
        or heuristic.is_templated_secret(secret)
        or heuristic.is_prefixed_with_dollar_sign(secret)
        or heuristic.is_not_alphanumeric_string(secret)
        or heuristic.is_indirect_reference(line)
    )


@cache
def _detectors() -> _Detectors:
    # Imported when first needed: the library is slow to import, and most commands never need it.
    from detect_secrets.plugins import (
        artifactory,
        aws,
        azure_storage_key,
        basic_auth,
        cloudant,
        discord,
        github_token,
        gitlab_token,
        high_entropy_strings,
        ibm_cloud_iam,
        ibm_cos_hmac,
        jwt,
        mailchimp,
        npm,
        openai,
        private_key,
        pypi_token,
        sendgrid,
        slack,
        softlayer,
        square_oauth,
        stripe,
        telegram_token,
        twilio,
    )

    return _Detectors(
        tokens=(
            aws.AWSKeyDetector(),
            azure_storage_key.AzureStorageKeyDetector(),
            discord.DiscordBotTokenDetector(),
            github_token.GitHubTokenDetector(),
            gitlab_token.GitLabTokenDetector(),
            npm.NpmDetector(),
            openai.OpenAIDetector(),
            private_key.PrivateKeyDetector(),
            pypi_token.PypiTokenDetector(),
            sendgrid.SendGridDetector(),
            slack.SlackDetector(),
            square_oauth.SquareOAuthDetector(),
            stripe.StripeDetector(),
            telegram_token.TelegramBotTokenDetector(),
        ),
        suspicions=(
            artifactory.ArtifactoryDetector(),
            basic_auth.BasicAuthDetector(),
            cloudant.CloudantDetector(),
            ibm_cloud_iam.IbmCloudIamDetector(),
            ibm_cos_hmac.IbmCosHmacDetector(),
            jwt.JwtTokenDetector(),
            mailchimp.MailchimpDetector(),
            softlayer.SoftlayerDetector(),
            twilio.TwilioKeyDetector(),
        ),
        random=(high_entropy_strings.Base64HighEntropyString(), high_entropy_strings.HexHighEntropyString()),
    )
