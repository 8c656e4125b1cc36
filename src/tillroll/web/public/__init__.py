"""Pages for the shop's customers: without a sign-in, in their language, and without a word about Tillroll."""
