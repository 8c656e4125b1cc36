"""The words of the sign-up form and of the page that its confirmation leads to, in the languages of the starter e-mails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tillroll.web.public.words import first_spoken


@dataclass(frozen=True, kw_only=True)
class SignUpWords:
    """The sentences. `{shop}` is the shop's name, `{address}` an address with most of it hidden."""

    language: str
    title: str
    email: str
    button: str
    leave_empty: str  # beside the field that only programs fill in
    bad_address: str
    not_ticked: str
    changed: str  # the text to agree to is another one now
    too_many: str
    thanks: str
    check_inbox: str
    confirm_title: str
    confirm: str
    confirm_button: str
    confirmed: str
    broken: str
    broken_more: str


_WORDS = (
    SignUpWords(
        language="en",
        title="E-mails from {shop}",
        email="Your e-mail address",
        button="Sign up",
        leave_empty="Please leave this empty",
        bad_address="This is not an e-mail address. Please check it.",
        not_ticked="Please tick the box if you want our e-mails.",
        changed="The text beside the box has changed. Please read it again.",
        too_many="Too many forms came from here. Please try again in an hour.",
        thanks="Thank you. You will hear from {shop}.",
        check_inbox="Thank you. Please look into your inbox, and confirm by the link in the e-mail that we sent.",
        confirm_title="Do you want e-mails from {shop}?",
        confirm="They will be sent to {address}.",
        confirm_button="Yes, please",
        confirmed="Done. {address} will get e-mails from {shop}.",
        broken="This link no longer works",
        broken_more="Links work for some days only. Please fill in the form again.",
    ),
    SignUpWords(
        language="de",
        title="E-Mails von {shop}",
        email="Ihre E-Mail-Adresse",
        button="Anmelden",
        leave_empty="Bitte lassen Sie dieses Feld leer",
        bad_address="Das ist keine E-Mail-Adresse. Bitte prüfen Sie sie.",
        not_ticked="Bitte setzen Sie das Häkchen, wenn Sie unsere E-Mails möchten.",
        changed="Der Text beim Häkchen hat sich geändert. Bitte lesen Sie ihn noch einmal.",
        too_many="Von hier kamen zu viele Formulare. Bitte versuchen Sie es in einer Stunde noch einmal.",
        thanks="Danke. Sie hören von {shop}.",
        check_inbox="Danke. Bitte sehen Sie in Ihr Postfach, und bestätigen Sie mit dem Link in unserer E-Mail.",
        confirm_title="Möchten Sie E-Mails von {shop}?",
        confirm="Sie gehen an {address}.",
        confirm_button="Ja, bitte",
        confirmed="Erledigt. {address} bekommt E-Mails von {shop}.",
        broken="Dieser Link gilt nicht mehr",
        broken_more="Links gelten nur einige Tage. Bitte füllen Sie das Formular noch einmal aus.",
    ),
    SignUpWords(
        language="fr",
        title="Les e-mails de {shop}",
        email="Votre adresse e-mail",
        button="S’inscrire",
        leave_empty="Laissez ce champ vide",
        bad_address="Ce n’est pas une adresse e-mail. Vérifiez-la.",
        not_ticked="Cochez la case si vous souhaitez nos e-mails.",
        changed="Le texte à côté de la case a changé. Relisez-le.",
        too_many="Trop de formulaires sont venus d’ici. Réessayez dans une heure.",
        thanks="Merci. Vous aurez des nouvelles de {shop}.",
        check_inbox="Merci. Regardez votre boîte de réception et confirmez par le lien de notre e-mail.",
        confirm_title="Souhaitez-vous les e-mails de {shop} ?",
        confirm="Ils seront envoyés à {address}.",
        confirm_button="Oui, volontiers",
        confirmed="C’est fait. {address} recevra les e-mails de {shop}.",
        broken="Ce lien n’est plus valable",
        broken_more="Les liens ne sont valables que quelques jours. Remplissez de nouveau le formulaire.",
    ),
    SignUpWords(
        language="it",
        title="Le e-mail di {shop}",
        email="Il tuo indirizzo e-mail",
        button="Iscriviti",
        leave_empty="Lascia vuoto questo campo",
        bad_address="Questo non è un indirizzo e-mail. Controllalo.",
        not_ticked="Spunta la casella se vuoi le nostre e-mail.",
        changed="Il testo accanto alla casella è cambiato. Rileggilo.",
        too_many="Da qui sono arrivati troppi moduli. Riprova tra un’ora.",
        thanks="Grazie. Avrai notizie da {shop}.",
        check_inbox="Grazie. Guarda nella tua casella di posta e conferma con il link della nostra e-mail.",
        confirm_title="Vuoi le e-mail di {shop}?",
        confirm="Arriveranno a {address}.",
        confirm_button="Sì, grazie",
        confirmed="Fatto. {address} riceverà le e-mail di {shop}.",
        broken="Questo link non è più valido",
        broken_more="I link valgono solo alcuni giorni. Compila di nuovo il modulo.",
    ),
    SignUpWords(
        language="es",
        title="Los correos de {shop}",
        email="Tu dirección de correo",
        button="Suscribirme",
        leave_empty="Deja este campo vacío",
        bad_address="Esto no es una dirección de correo. Revísala.",
        not_ticked="Marca la casilla si quieres nuestros correos.",
        changed="El texto junto a la casilla ha cambiado. Léelo otra vez.",
        too_many="Han llegado demasiados formularios desde aquí. Inténtalo dentro de una hora.",
        thanks="Gracias. Tendrás noticias de {shop}.",
        check_inbox="Gracias. Mira tu bandeja de entrada y confirma con el enlace de nuestro correo.",
        confirm_title="¿Quieres los correos de {shop}?",
        confirm="Llegarán a {address}.",
        confirm_button="Sí, gracias",
        confirmed="Hecho. {address} recibirá los correos de {shop}.",
        broken="Este enlace ya no es válido",
        broken_more="Los enlaces valen solo unos días. Rellena otra vez el formulario.",
    ),
    SignUpWords(
        language="sl",
        title="E-sporočila trgovine {shop}",
        email="Vaš e-poštni naslov",
        button="Prijava",
        leave_empty="To polje pustite prazno",
        bad_address="To ni e-poštni naslov. Preverite ga.",
        not_ticked="Označite polje, če želite naša sporočila.",
        changed="Besedilo ob polju se je spremenilo. Preberite ga še enkrat.",
        too_many="Od tod je prišlo preveč obrazcev. Poskusite čez eno uro.",
        thanks="Hvala. Trgovina {shop} vam bo pisala.",
        check_inbox="Hvala. Poglejte v svoj nabiralnik in potrdite s povezavo v našem sporočilu.",
        confirm_title="Želite sporočila trgovine {shop}?",
        confirm="Prihajala bodo na {address}.",
        confirm_button="Da, prosim",
        confirmed="Urejeno. {address} bo prejemal sporočila trgovine {shop}.",
        broken="Ta povezava ne velja več",
        broken_more="Povezave veljajo le nekaj dni. Izpolnite obrazec še enkrat.",
    ),
)
_BY_LANGUAGE: Mapping[str, SignUpWords] = {words.language: words for words in _WORDS}
SIGN_UP_LANGUAGES = frozenset(_BY_LANGUAGE)


def sign_up_words(*wanted: str) -> SignUpWords:
    """Return the words in the first of these languages that there are words in; else English."""
    return first_spoken(_BY_LANGUAGE, wanted)
