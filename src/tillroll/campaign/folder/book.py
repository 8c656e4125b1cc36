"""All campaign files together: the valid campaigns, and all findings at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from tillroll.campaign.brand.brand import Brand
from tillroll.campaign.brand.lawful import fault_of_brand, without_address
from tillroll.campaign.digest import digest
from tillroll.campaign.folder.folder_reader import (
    BRAND,
    CALENDAR,
    CONSENT,
    CRM,
    GUARDRAILS,
    HOLDOUT,
    NOTICES,
    PRIVACY,
    REPORTS,
    TIERS,
    FolderReader,
    check_formats,
    check_segments,
    claim_name,
    folder_of,
    open_source,
    put_partials,
    read_shared,
    tier_names,
)
from tillroll.campaign.folder.links import KnownNames, check_links, unknown_campaigns
from tillroll.campaign.folder.uses import (
    check_claims,
    check_confirmation,
    check_sender,
    check_uses,
    without_link,
)
from tillroll.campaign.folder.validate import validate
from tillroll.campaign.frozen.revision import (
    ENVIRONMENT_MARK,
    LIVE,
    MARKS,
    SENDER_MARK,
    Revision,
    formats_of,
    segments_of,
    templates_of,
    uses_tiers,
)
from tillroll.campaign.frozen.sign_up import ConfirmationWords, SignUpTerms
from tillroll.campaign.language.blocks import StoreHoldout
from tillroll.campaign.language.calendar import Calendar
from tillroll.campaign.language.crm import CrmRules, say_target
from tillroll.campaign.language.guardrails import Guardrails
from tillroll.campaign.language.models import Campaign
from tillroll.campaign.language.notices import NoticeRules, ReportRules
from tillroll.campaign.language.privacy import ConsentRules, PrivacyRules
from tillroll.campaign.segments.lists import CustomerList
from tillroll.campaign.segments.segment import Segment, lists_of
from tillroll.campaign.segments.tiers import TierRules
from tillroll.campaign.sentences.advice import advice_on
from tillroll.campaign.sentences.agreement import agreed_texts
from tillroll.campaign.text.findings import Finding, nearest
from tillroll.campaign.text.overlay import ENVIRONMENTS, extend, for_environment, named_environments
from tillroll.campaign.text.source import Source
from tillroll.campaign.text.units import show_value
from tillroll.errors import FaultyFiles


@dataclass(frozen=True, kw_only=True)
class Book:
    """The content of a campaign folder."""

    revisions: Mapping[str, Revision]  # the campaigns without faults, by name
    segments: Mapping[str, Segment]
    lists: Mapping[str, CustomerList]  # with their members
    privacy: PrivacyRules  # no part of any campaign, as are the notices
    notices: NoticeRules
    reports: ReportRules
    brand: Brand  # of the e-mails to people of the shop; a campaign has its own copy
    store_holdout: StoreHoldout | None
    crm: CrmRules | None  # None: nothing is pushed
    tiers: TierRules | None
    sign_up: SignUpTerms | None  # the same; None: its files have faults
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...]  # what may mean something else than its reader thinks; it stops nothing
    faulty: frozenset[str]  # campaigns with a finding in their own file or in a file they use

    @property
    def crm_unreadable(self) -> bool:
        """Whether the CRM's file has faults: then the push goes on as it was."""
        return any(finding.file == CRM for finding in self.findings)


def parse_book(
    files: Mapping[str, bytes],
    *,
    unreadable: Mapping[str, str] | None = None,
    environment: str = LIVE,
    whole: bool = True,
    elsewhere: Collection[str] = (),
) -> Book:
    """Read and check all files (relative POSIX path → content). Never raises: every fault becomes a finding.

    `unreadable` maps files that couldn't be read to the reason. The overrides of `environment` apply; others are checked too.
    With `whole` False, the files are one recorded campaign's. `elsewhere`: other stores' campaigns, which segments may mention.
    """
    missing = unreadable or {}
    reader = FolderReader(
        files={**files, **dict.fromkeys(missing, b"")},
        unreadable=missing,
        environment=environment,
        whole=whole,
        elsewhere=elsewhere,
    )
    for path in sorted(reader.files):
        read_shared(reader, path)
    put_partials(reader)
    check_segments(reader)
    check_formats(reader)
    campaigns = _read_campaigns(reader)
    _advise_on_brand(reader)
    _check_names(reader, campaigns)
    read = {name: _revision(reader, path, name) for name, path in campaigns.items()}
    revisions = {name: revision for name, revision in read.items() if revision is not None}
    models = reader.models
    return Book(
        revisions=revisions,
        segments={name: models[path] for name, path in reader.segments.items() if path in models},
        lists={name: models[path] for name, path in reader.lists.items() if path in models},
        privacy=models.get(PRIVACY) or PrivacyRules(),
        notices=models.get(NOTICES) or NoticeRules(),
        reports=models.get(REPORTS) or ReportRules(),
        brand=models.get(BRAND) or Brand(),
        store_holdout=models.get(HOLDOUT),
        crm=models.get(CRM),
        tiers=models.get(TIERS),
        sign_up=_sign_up(reader),
        findings=tuple(sorted({finding for findings in reader.findings.values() for finding in findings})),
        warnings=tuple(sorted(set(reader.warnings))),
        faulty=frozenset(campaigns) - revisions.keys(),
    )


def revision_of(name: str, files: Mapping[str, str]) -> Revision:
    """Rebuild a revision from recorded files; `FaultyFiles` if this version of Tillroll can't read them any more."""
    texts = {path: text.encode() for path, text in files.items() if path not in MARKS}
    book = parse_book(texts, environment=files.get(ENVIRONMENT_MARK, LIVE), whole=False)
    if name not in book.revisions:
        lines = tuple(finding.render() for finding in book.findings)
        raise FaultyFiles(f"The recorded files of campaign {name!r} can't be read.", lines=lines)
    return replace(book.revisions[name], files=files, digest=digest(files))


def _read_campaigns(reader: FolderReader) -> dict[str, str]:
    """Read and check all campaigns; return their names with their files."""
    known_names = KnownNames(
        segments=reader.segments,
        formats=reader.formats,
        templates={name: frozenset(parts) for name, parts in reader.templates.items()},
        tiers=tier_names(reader),
    )
    paths = [path for path in sorted(reader.files) if folder_of(path) == "campaigns"]
    names: dict[str, str] = {}
    for path in paths:
        claim_name(reader, names, path)
        open_source(reader, path)
    for path in paths:
        try:
            _read_campaign(reader, path, known_names, names)
        except (
            Exception
        ) as fault:  # a fault of ours, not of the file: the other campaigns are read all the same
            reader.models.pop(path, None)
            reader.add(path, [_unexpected(path, fault)])
    return names


def _unexpected(path: str, fault: Exception) -> Finding:
    """Return the finding for a file at which Tillroll itself fails."""
    problem = f"Tillroll fails at this file, which needs a developer: {type(fault).__name__}"
    return Finding(file=path, line=1, column=1, key="", problem=problem)


def _read_campaign(
    reader: FolderReader, path: str, known_names: KnownNames, names: Mapping[str, str]
) -> None:
    """Check a campaign in every environment that it has overrides for; keep its model for the current environment."""
    source = reader.sources.get(path)
    if source is None:
        return
    whole = _with_bases(reader, path, source, names, (path,))
    if whole is None:
        return
    _check_environments(reader, path, whole)
    for environment in {reader.environment, *named_environments(whole.data)}:
        merged = for_environment(whole, environment) if isinstance(whole.data, dict) else whole
        value, findings = validate(Campaign, merged)
        if environment == reader.environment and value is not None:
            reader.models[path] = value
        if isinstance(merged.data, dict):
            reported = {(finding.line, finding.column) for finding in findings}
            # one finding for a place is enough: what isn't even a name needs no finding that the name is unknown
            links = check_links(merged, known_names)
            findings += [finding for finding in links if (finding.line, finding.column) not in reported]
        if value is not None:
            texts = _texts_of(reader, value)
            findings += check_uses(merged, value, texts)
            if reader.whole and not reader.findings.get(CRM):
                findings += check_sender(merged, value, reader.models.get(CRM))
            if not findings and reader.whole:  # a recorded campaign stays readable, whatever is advised today
                guardrails = reader.models.get(GUARDRAILS) or Guardrails()
                faults, warnings = check_claims(merged, value, texts, guardrails.emails)
                findings += faults
                reader.warnings += warnings
                reader.warnings += [merged.finding(each.path, each.problem) for each in advice_on(value)]
                _demand_link(reader, texts)
        reader.add(path, findings)


def _demand_link(reader: FolderReader, texts: Mapping[str, str]) -> None:
    """Report the files of e-mails without a link to unsubscribe, once each; what has other faults is mended first."""
    for finding in without_link(
        {path: text for path, text in texts.items() if not reader.findings.get(path)}
    ):
        reader.add(finding.file, [finding])


def _advise_on_brand(reader: FolderReader) -> None:
    """Warn of what the brand file lacks, once, if any campaign sends e-mails."""
    campaigns = [model for path, model in reader.models.items() if folder_of(path) == "campaigns"]
    if not reader.whole or reader.findings.get(BRAND) or not any(map(templates_of, campaigns)):
        return
    brand: Brand | None = reader.models.get(BRAND)
    source = reader.sources.get(BRAND)
    problem = fault_of_brand(brand)
    if problem:
        plain = Finding(file=BRAND, line=1, column=1, key="", problem=problem)
        reader.warnings.append(plain if source is None else source.finding(("postal_address",), problem))
    for campaign in campaigns:
        for path, lack in without_address(brand or Brand(), _texts_of(reader, campaign)):
            reader.warnings.append(Finding(file=path, line=1, column=1, key="", problem=lack))


def _check_names(reader: FolderReader, campaigns: Mapping[str, str]) -> None:
    """Report campaigns of `rules/reports.yaml` and `rules/holdout.yaml` that don't exist."""
    if not reader.whole:
        return
    known = sorted({*campaigns, *reader.elsewhere})
    for at, weekly in enumerate((reader.models.get(REPORTS) or ReportRules()).weekly):
        path = ("weekly", at, "campaigns")
        reader.add(REPORTS, unknown_campaigns(reader.sources[REPORTS], path, weekly.campaigns, known))
    holdout: StoreHoldout | None = reader.models.get(HOLDOUT)
    if holdout is not None:
        reader.add(HOLDOUT, unknown_campaigns(reader.sources[HOLDOUT], ("exempt",), holdout.exempt, known))


def _texts_of(reader: FolderReader, campaign: Campaign) -> Mapping[str, str]:
    """Return the content of the e-mails' files, by their paths."""
    files = [
        f"templates/{name}/{part}"
        for name in sorted(templates_of(campaign))
        for part in sorted(reader.templates.get(name, ()))
    ]
    return {file: reader.texts[file] for file in files if file in reader.texts}


def _sign_up(reader: FolderReader) -> SignUpTerms | None:
    """Return how people sign up; None if `rules/consent.yaml`, or what it refers to, has faults."""
    rules: ConsentRules = reader.models.get(CONSENT) or ConsentRules()
    email, source, texts = rules.confirmation, reader.sources.get(CONSENT), dict[str, str]()
    if email is not None and source is not None:
        folder = f"templates/{email.template}/"
        texts = {path: text for path, text in reader.texts.items() if path.startswith(folder)}
        if reader.whole:
            reader.add(CONSENT, list(check_confirmation(source, rules, texts)))
    if any(reader.findings.get(path) for path in (CONSENT, BRAND, *texts)):
        return None
    return SignUpTerms(
        is_open=rules.sign_up,
        double_opt_in=rules.double_opt_in,
        texts=agreed_texts(rules.texts),
        sites=rules.sites,
        brand=reader.models.get(BRAND) or Brand(),
        confirmation=None
        if email is None
        else ConfirmationWords(
            template=email.template,
            language=email.language or "",
            subjects={"": email.subject, **email.subjects},
            files={path.rpartition("/")[2]: text for path, text in texts.items()},
            valid=email.valid,
        ),
    )


def _with_bases(
    reader: FolderReader, path: str, source: Source, names: Mapping[str, str], chain: tuple[str, ...]
) -> Source | None:
    """Merge a file over those it extends; None, with a finding, if one is missing or they extend each other in a circle.

    `chain` holds the files so far, the campaign's own first.
    """
    name = source.data.get("extends") if isinstance(source.data, dict) else None
    if not isinstance(name, str):
        return source
    base_path = names.get(name)
    if base_path is None:
        problem = f"there is no campaign {name[:80]!r} to extend"
        reader.add(chain[0], [source.finding(("extends",), problem, suggestion=nearest(name, names))])
        return None
    if base_path in chain:
        reader.add(chain[0], [source.finding(("extends",), f"{name} extends this one, in a circle")])
        return None
    base = reader.sources.get(base_path)
    if base is None or not isinstance(base.data, dict):
        reader.add(chain[0], [source.finding(("extends",), f"{base_path} has faults of its own")])
        return None
    reader.bases[chain[0]] = (*reader.bases.get(chain[0], ()), base_path)
    under = _with_bases(reader, base_path, base, names, (*chain, base_path))
    return None if under is None else extend(under, source)


def _check_environments(reader: FolderReader, path: str, source: Source) -> None:
    """Report unknown environments and overrides that aren't blocks."""
    overrides = source.data.get("environments") if isinstance(source.data, dict) else None
    if not isinstance(overrides, dict):
        return
    for name in overrides:
        place = ("environments", name)
        if name not in ENVIRONMENTS:
            problem = f"there is no such environment; there are {', '.join(ENVIRONMENTS)}"
            word = nearest(str(name), ENVIRONMENTS)
            reader.add(path, [source.finding(place, problem, suggestion=word, at_key=True)])
        elif not isinstance(overrides[name], dict):
            reader.add(
                path,
                [source.finding(place, f"{show_value(overrides[name])} is not a block of keys and values")],
            )


def _revision(reader: FolderReader, path: str, name: str) -> Revision | None:
    """Return the campaign with everything it uses; None if any of it has a fault."""
    campaign: Campaign | None = reader.models.get(path)
    if campaign is None:
        return None
    used = _used_files(reader, path, campaign)
    templates = [
        f"templates/{folder}/{part}"
        for folder in templates_of(campaign)
        for part in reader.templates.get(folder, ())
    ]
    told = [CRM] if campaign.codes.sent_by is not None else []
    if any(reader.findings.get(file) for file in (*used, *templates, *told, *reader.strays)):
        return None
    files = {file: reader.recorded(file) for file in used}
    if told and CRM in reader.models:
        files[SENDER_MARK] = say_target(reader.models[CRM].target)
    if reader.environment in campaign.environments:
        files[ENVIRONMENT_MARK] = reader.environment
    segments = {key: reader.models[reader.segments[key]] for key in sorted(segments_of(campaign))}
    lists = {key: reader.models[reader.lists[key]] for key in sorted(lists_of(segments.values()))}
    return Revision(
        name=name,
        digest=digest(files),
        campaign=campaign,
        files=files,
        segments=segments,
        lists={key: replace(members, members=()) for key, members in lists.items()},
        code_formats={key: reader.models[reader.formats[key]] for key in sorted(formats_of(campaign))},
        guardrails=reader.models.get(GUARDRAILS) or Guardrails(),
        calendar=reader.models.get(CALENDAR) or Calendar(),
        brand=reader.models.get(BRAND) or Brand(),
        store_holdout=reader.models.get(HOLDOUT),
        tiers=reader.models.get(TIERS) if TIERS in used else None,
    )


def _used_files(reader: FolderReader, path: str, campaign: Campaign) -> list[str]:
    """Return all files that determine what the campaign does."""
    candidates = {path, GUARDRAILS, CALENDAR, HOLDOUT, *reader.bases.get(path, ())}
    candidates |= {reader.segments[name] for name in segments_of(campaign) if name in reader.segments}
    models = [reader.models.get(file) for file in candidates]
    segments = [model for model in models if isinstance(model, Segment)]
    candidates |= {reader.lists[name] for name in lists_of(segments) if name in reader.lists}
    if uses_tiers(campaign, segments):
        candidates.add(TIERS)
    candidates |= {reader.formats[name] for name in formats_of(campaign) if name in reader.formats}
    if templates_of(campaign):
        candidates.add(BRAND)
    templates = {
        f"templates/{name}/{part}"
        for name in templates_of(campaign)
        for part in reader.templates.get(name, ())
    }
    candidates |= templates.union(*(reader.partials.get(file, ()) for file in templates))
    return sorted(file for file in candidates if file in reader.files)
