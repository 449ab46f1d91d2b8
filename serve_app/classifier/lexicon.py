"""Words and phrases that give a request's task away, and how hard it sounds. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from serve_app.core.request import Task


class Cue(NamedTuple):
    """A phrase's vote for one task."""

    task: Task
    weight: float


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Phrases of one to three words, lower case, apart by "|". Weights: 5 and over settles it
# alone, 3 needs no help against silence, 1 to 2 only tips a balance.
CUES: Mapping[Task, Mapping[float, str]] = {
    "translation": {
        6.0: (
            "translate|translation of|do you say|you say in|do i say|would i say|to say|"
            "would you say|translated to|translated into|traduce|traduis|traduire|traducir|"
            "übersetze|traduza|traduci"
        ),
        3.0: "translation|translated|in english please|to english|into english",
        2.5: (
            "word for|phrase for|equivalent of|expression for|localize|if i were|"
            "mean in english|in plain english from|render|a native speaker"
        ),
    },
    "summarization": {
        6.0: "summarize|summarise|summarizing|tldr|tl dr|sum up|recap",
        5.0: "condense|synopsis|the gist|key takeaways|main points|key points",
        4.5: "summary|summary of|boil down|boil this down|in a nutshell|shorten",
        3.0: (
            "main idea|main ideas|executive summary|abstract of|headline for|meeting minutes|"
            "a title for|the essence|shorter version|takeaways"
        ),
    },
    "classification": {
        6.0: "classify|categorize|categorise|sentiment|positive or negative|formal or informal",
        5.0: (
            "spam or|or not spam|is this spam|entailment|contradiction|which category|"
            "which label|what category|what label|detect the language"
        ),
        4.0: (
            "identify the language|what language is|which language is|emotion|positive or|"
            "positive negative|toxic|sarcastic|sarcasm|which department|fact or opinion|"
            "the intent|spam|phishing|offensive"
        ),
        3.0: (
            "category|categories|label|labels|the tone|tone of|triage|clickbait|which team|"
            "which topic|the topic of|rate this|assign|subjective"
        ),
        2.0: (
            "intent|tag|priority|urgent|topic|genre|stars|high medium|either|one of the|"
            "choose one of|is this review|is this comment|is the tone"
        ),
    },
    "extraction": {
        6.0: "extract|extract the|pull out|named entities|pick out|retrieve all",
        4.0: (
            "entities|keywords|find all|find every|list all the|list every|fill in the|"
            "mentioned in|that appear in|copy the|return the|mentioned below|key value"
        ),
        3.0: (
            "as json|json with|into json|json object|all names|every date|invoice|"
            "email address|phone number|order number|all dates|due date|all mentions"
        ),
        2.0: (
            "from the text|from the following|from this|in this sentence|the text below|"
            "in the text|csv|fields|json|table with|parse|quote the|identify all"
        ),
    },
    "code": {
        6.0: (
            "write a function|write a program|write code|refactor|write a script|debug this|"
            "python function|sql query|unit tests|unit test|write a python|a bash script"
        ),
        5.0: (
            "python|javascript|typescript|sql|golang|rust function|regex|traceback|debug|git|"
            "regular expression|dockerfile|stack trace|leetcode|pandas|numpy|nodejs|"
            "a shell script"
        ),
        4.0: "code|java|bash|kotlin|html|css|react|implement a|implement the|c program|pytest",
        3.5: "implement|linked list|binary search|time complexity|compile|segfault|a makefile",
        2.5: (
            "function|script|bug|class method|an api|dataframe|exception|kubernetes|yaml|"
            "a program|rest api|endpoint|a hash map|recursion|null pointer|off by one|"
            "this method"
        ),
        1.5: "array|loop|algorithm|program|query|variable|string|tuple|method|library",
    },
    "reasoning": {
        6.0: "prove that|prove|solve for|solve the|solve this|how many total|calculate the",
        5.0: (
            "solve|calculate|compute|the remainder|altogether|show that|boxed|older than|"
            "taller than|shorter than|younger than|if all|logic puzzle"
        ),
        4.0: (
            "equation|derive|probability|integral|derivative|simplify|divisible|polynomial|"
            "puzzle|riddle|clues|clue|next number|comes next|what is the value|deduce|"
            "the value of|twice as|times as|half as|what percentage|logically|integers|"
            "directly left|to each other|next to each|each person|in a row|faster than"
        ),
        3.0: (
            "sum of|product of|remainder|triangle|radius|area of|volume of|perimeter|"
            "more than|fewer than|per hour|km h|an hour|how many ways|a week|each week|"
            "evaluate|step by step|prime|ratio|percent|mph|interest rate|round trip|"
            "expected value"
        ),
        2.0: (
            "average|total|find the|how far|how old|angle|matrix|vector|minimum|maximum|"
            "sequence|each day|per day|left over|remaining|in all|function f|factor|digits"
        ),
    },
    "question_answering": {
        4.0: (
            "according to the|based on the|answer the question|true or false|capital of|"
            "who wrote|who invented|who discovered|what year|in which year"
        ),
        3.5: "which country|which city|who was|who sang|who played|when did|when was",
        3.0: (
            "define|definition of|meaning of|why do|why does|why is|why are|what causes|"
            "what is the|what are the|who is|where is|what does|explain|difference between|"
            "which of the|which one of|multiple choice|how does|what happens|the passage"
        ),
        2.0: "who|when|which|where|what was|what is|named after|explain why|according to",
    },
    "conversation": {
        6.0: "how are you|a joke|nice to meet|role play|pretend to be|a poem",
        5.0: "thank you|hello|hey|hi|thanks|good morning|a story|short story|poem|set an alarm",
        4.0: (
            "remind me|should i|advice|i feel|i am feeling|i'm feeling|brainstorm|joke|"
            "play some|let's|pretend|an essay|blog post|cover letter|write an email|"
            "write a letter|my day"
        ),
        3.0: (
            "do i|can i|did i|am i|have i|how do i|for me|my account|my card|haiku|"
            "give me ideas|ideas for|recommend|suggest|draft|rewrite|a speech|a slogan|tweet"
        ),
        2.0: (
            "my|i need|i want|i'd like|i would like|can you|could you|will you|do you|"
            "are you|tell me|please|alarm|schedule|reservation|a call|turn on|turn off|"
            "act as|you are a|slogan"
        ),
        1.0: "i|me|you|your|we|us|story|chat|email|essay|song|playlist|list of",
    },
}

LANGUAGES = word_set(
    "arabic bengali bulgarian cantonese chinese croatian czech danish dutch english estonian "
    "farsi finnish french german greek hebrew hindi hungarian indonesian irish italian japanese "
    "korean latin latvian lithuanian malay mandarin mongolian norwegian persian polish portuguese "
    "romanian russian serbian slovak spanish swahili swedish tagalog tamil thai turkish ukrainian "
    "urdu vietnamese welsh zulu"
)

NUMBER_WORDS: Mapping[str, int] = {
    "single": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "twelve": 12,
    "fifteen": 15,
    "twenty": 20,
    "fifty": 50,
    "hundred": 100,
}

HARD_WORDS = word_set(
    "prove proof theorem lemma derive integral derivative eigenvalue eigenvalues polynomial "
    "asymptotic rigorous rigorously optimal optimize concurrent concurrency deadlock distributed "
    "consensus quantum thermodynamic entropy enthalpy isomers isomer hamiltonian lagrangian "
    "relativistic stochastic bayesian posterior convex topology manifold homomorphism modular "
    "combinatorial probability complexity np recursion recursive dynamic jurisdiction statute "
    "liability precedent pathophysiology differential diagnosis mechanism synthesis spectroscopy "
    "wavelength equilibrium stoichiometric enzyme critique evaluate "
    "architecture scalable invariant amortized perpendicular remainder divisible constraint "
    "constraints houses clues deduce complex conditional"
)

EASY_WORDS = word_set("simple easy basic quick beginner eli5 kids hello thanks")


class CueTable(NamedTuple):
    """Votes by phrase, the words a longer phrase opens with, and the first words of all."""

    votes: Mapping[str, Cue]
    openers: frozenset[str]
    firsts: frozenset[str]


@cache
def cue_table() -> CueTable:
    """Every phrase with its vote; where a phrase is listed twice the heavier vote holds."""
    votes: dict[str, Cue] = {}
    for task, phrases_by_weight in CUES.items():
        for weight, phrases in phrases_by_weight.items():
            for phrase in phrases.split("|"):
                known = votes.get(phrase)
                if known is None or known.weight < weight:
                    votes[phrase] = Cue(task, weight)
    openers = frozenset(phrase.partition(" ")[0] for phrase in votes if " " in phrase)
    return CueTable(votes, openers, openers.union(votes))
