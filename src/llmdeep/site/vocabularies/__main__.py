"""`python -m llmdeep.site.vocabularies`: convert the vocabularies now."""

from llmdeep.site.vocabularies import prepare

print(prepare())
