"""The words of the page that unsubscribe links lead to, in the languages of the starter e-mails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from tillroll.campaign.language.translations import choose_translation

_Words = TypeVar("_Words")


@dataclass(frozen=True, kw_only=True)
class UnsubscribeWords:
    """The page's sentences. `{shop}` is the shop's name, `{address}` the reader's address with most of it hidden."""

    language: str
    title: str
    intro: str
    all: str
    campaign: str
    weekly: str
    monthly: str
    button: str
    gets: str  # they get e-mails as before
    stopped: str
    stopped_campaign: str
    once_a_week: str
    once_a_month: str
    mistake: str  # before the button that takes it back
    undo: str
    broken: str
    broken_more: str

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """The choices of the form, the first of which is ticked."""
        return (
            ("all", self.all),
            ("campaign", self.campaign),
            ("weekly", self.weekly),
            ("monthly", self.monthly),
        )


_WORDS = (
    UnsubscribeWords(
        language="en",
        title="E-mails from {shop}",
        intro="They are sent to {address}. What would you like?",
        all="No more e-mails from {shop}",
        campaign="No more e-mails like the one I got",
        weekly="At most one e-mail a week",
        monthly="At most one e-mail a month",
        button="Save",
        gets="{address} gets e-mails as before.",
        stopped="Done. {address} gets no more e-mails from {shop}.",
        stopped_campaign="Done. {address} gets no more e-mails like this one.",
        once_a_week="Done. {address} gets at most one e-mail a week.",
        once_a_month="Done. {address} gets at most one e-mail a month.",
        mistake="Was that a mistake?",
        undo="Undo",
        broken="This link isn't complete",
        broken_more="Open it from the e-mail again, or copy all of it. If that doesn't help, reply to the e-mail.",
    ),
    UnsubscribeWords(
        language="de",
        title="E-Mails von {shop}",
        intro="Die E-Mails gehen an {address}. Was möchten Sie?",
        all="Keine E-Mails mehr von {shop}",
        campaign="Keine E-Mails mehr von der Art, die ich bekommen habe",
        weekly="Höchstens eine E-Mail in der Woche",
        monthly="Höchstens eine E-Mail im Monat",
        button="Speichern",
        gets="{address} bekommt E-Mails wie bisher.",
        stopped="Erledigt. {address} bekommt keine E-Mails mehr von {shop}.",
        stopped_campaign="Erledigt. {address} bekommt keine E-Mails dieser Art mehr.",
        once_a_week="Erledigt. {address} bekommt höchstens eine E-Mail in der Woche.",
        once_a_month="Erledigt. {address} bekommt höchstens eine E-Mail im Monat.",
        mistake="War das ein Versehen?",
        undo="Rückgängig machen",
        broken="Dieser Link ist nicht vollständig",
        broken_more="Öffnen Sie ihn noch einmal aus der E-Mail, oder kopieren Sie ihn ganz. Hilft das nicht, antworten Sie auf "
        "die E-Mail.",
    ),
    UnsubscribeWords(
        language="fr",
        title="Les e-mails de {shop}",
        intro="Ils sont envoyés à {address}. Que souhaitez-vous ?",
        all="Ne plus recevoir d’e-mails de {shop}",
        campaign="Ne plus recevoir d’e-mails comme celui que j’ai reçu",
        weekly="Au plus un e-mail par semaine",
        monthly="Au plus un e-mail par mois",
        button="Enregistrer",
        gets="{address} reçoit des e-mails comme avant.",
        stopped="C’est fait. {address} ne reçoit plus d’e-mails de {shop}.",
        stopped_campaign="C’est fait. {address} ne reçoit plus d’e-mails comme celui-ci.",
        once_a_week="C’est fait. {address} reçoit au plus un e-mail par semaine.",
        once_a_month="C’est fait. {address} reçoit au plus un e-mail par mois.",
        mistake="C’était une erreur ?",
        undo="Annuler",
        broken="Ce lien n’est pas complet",
        broken_more="Ouvrez-le de nouveau depuis l’e-mail, ou copiez-le en entier. Si cela ne suffit pas, répondez à l’e-mail.",
    ),
    UnsubscribeWords(
        language="it",
        title="Le e-mail di {shop}",
        intro="Arrivano a {address}. Che cosa preferisci?",
        all="Nessuna e-mail da {shop}",
        campaign="Nessuna e-mail come quella che ho ricevuto",
        weekly="Al massimo una e-mail alla settimana",
        monthly="Al massimo una e-mail al mese",
        button="Salva",
        gets="{address} riceve le e-mail come prima.",
        stopped="Fatto. {address} non riceve più e-mail da {shop}.",
        stopped_campaign="Fatto. {address} non riceve più e-mail come questa.",
        once_a_week="Fatto. {address} riceve al massimo una e-mail alla settimana.",
        once_a_month="Fatto. {address} riceve al massimo una e-mail al mese.",
        mistake="È stato un errore?",
        undo="Annulla",
        broken="Questo link non è completo",
        broken_more="Aprilo di nuovo dall’e-mail, o copialo per intero. Se non basta, rispondi all’e-mail.",
    ),
    UnsubscribeWords(
        language="es",
        title="Los correos de {shop}",
        intro="Llegan a {address}. ¿Qué prefieres?",
        all="No recibir más correos de {shop}",
        campaign="No recibir más correos como el que recibí",
        weekly="Como mucho un correo a la semana",
        monthly="Como mucho un correo al mes",
        button="Guardar",
        gets="{address} recibe correos como antes.",
        stopped="Hecho. {address} ya no recibe correos de {shop}.",
        stopped_campaign="Hecho. {address} ya no recibe correos como este.",
        once_a_week="Hecho. {address} recibe como mucho un correo a la semana.",
        once_a_month="Hecho. {address} recibe como mucho un correo al mes.",
        mistake="¿Ha sido un error?",
        undo="Deshacer",
        broken="Este enlace no está completo",
        broken_more="Ábrelo otra vez desde el correo, o cópialo entero. Si no funciona, responde al correo.",
    ),
    UnsubscribeWords(
        language="sl",
        title="E-sporočila trgovine {shop}",
        intro="Prihajajo na {address}. Kaj želite?",
        all="Nobenih sporočil več od trgovine {shop}",
        campaign="Nobenih sporočil več, kot je to",
        weekly="Največ eno sporočilo na teden",
        monthly="Največ eno sporočilo na mesec",
        button="Shrani",
        gets="{address} prejema sporočila kot doslej.",
        stopped="Urejeno. {address} ne prejema več sporočil trgovine {shop}.",
        stopped_campaign="Urejeno. {address} ne prejema več takih sporočil.",
        once_a_week="Urejeno. {address} prejme največ eno sporočilo na teden.",
        once_a_month="Urejeno. {address} prejme največ eno sporočilo na mesec.",
        mistake="Je bila to pomota?",
        undo="Razveljavi",
        broken="Ta povezava ni popolna",
        broken_more="Odprite jo še enkrat iz sporočila ali jo prekopirajte v celoti. Če to ne pomaga, odgovorite na sporočilo.",
    ),
)
_BY_LANGUAGE: Mapping[str, UnsubscribeWords] = {words.language: words for words in _WORDS}
LANGUAGES = frozenset(_BY_LANGUAGE)


def words_in(*wanted: str) -> UnsubscribeWords:
    """Return the words in the first of these languages that there are words in; else English."""
    return first_spoken(_BY_LANGUAGE, wanted)


def first_spoken(words: Mapping[str, _Words], wanted: Iterable[str]) -> _Words:
    """Return of words by language those in the first of these languages that there are any in; else the English ones."""
    chosen = (choose_translation(language, frozenset(words)) for language in wanted)
    return words[next(filter(None, chosen), "en")]
