"""Labelled prompts for the heuristics: `TUNED` were looked at while writing them, `HELD_OUT`
were not and only bound how far they carry."""

from __future__ import annotations

from collections.abc import Mapping

from serve_app.core.request import Task

TUNED: Mapping[Task, tuple[str, ...]] = {
    "classification": (
        "Classify the following review as positive or negative: The soup was cold and bland.",
        "Is this email spam or not spam? 'You have won a free cruise, click here now!'",
        "What is the sentiment of this tweet? I can't believe my train is late AGAIN.",
        "Assign one of the labels billing, shipping, returns to this ticket: Where is my parcel?",
        "Which category does this headline belong to: sports, politics or science?\nRover finds "
        "ice under Martian dust",
        "Tell me whether the sentence is formal or informal: Gimme a sec, will ya?",
        "Label the emotion in: 'I finally passed my driving test!' Options: joy, anger, fear.",
        "Does the hypothesis follow? Premise: A man sleeps. Hypothesis: A person is awake. "
        "Answer entailment or contradiction.",
        "Determine the intent of the user message: 'my card got swallowed by the machine'",
        "Here is a comment. Is it toxic? Reply yes or no.\n\nYou people are clowns.",
    ),
    "extraction": (
        "Extract all email addresses from this text: write to ana@example.org or bo@example.net.",
        "Pull out the invoice number and the due date: Invoice 8841, payable by 3 March 2024.",
        "List all the people mentioned in the following paragraph. Maria met Omar in Lisbon.",
        "From this job ad return the salary, city and job title as JSON: Baker wanted in Ghent, "
        "2,400 euro a month.",
        "Identify the named entities in: Siemens opened an office in Nairobi on Tuesday.",
        "What phone number is in this message? 'Call me at 555-0142 after six.' Return the number.",
        "Give me the keywords of this abstract: We study erosion of sandy coasts by storms.",
        "Find every date in the text below and copy them out.\nThe fair ran from 1 May to 4 May.",
        "Parse the address into street, city and zip fields: 12 Elm Road, Dover, CT16 1AB",
        "Fill in the form with data from the text. Name: , Age: . Text: Tom turned nine today.",
    ),
    "question_answering": (
        "Who wrote The Tempest?",
        "What is the capital of Mongolia?",
        "When did the Berlin Wall fall?",
        "Why is the sky blue?",
        "Which planet has the most moons?",
        "According to the passage, why did the farmer sell his horse? Passage: The farmer was old.",
        "True or false: bats are birds.",
        "Explain how vaccines train the immune system.",
        "What does the word 'obstinate' mean?",
        "In which country would you find the ruins of Petra?\nA) Syria\nB) Jordan\nC) Egypt",
    ),
    "summarization": (
        "Summarize the article below in two sentences.\n\nThe council met on Monday to vote.",
        "TL;DR this for me: the update changes how caches expire and who may clear them.",
        "Give me the key takeaways from this meeting transcript. Ann: we ship Friday. Bo: fine.",
        "Condense this paragraph to at most 30 words. The river floods and fields drown.",
        "Write a short summary of the following report: Sales rose in the north.",
        "What are the main points of this speech? Friends, we gather here to honour the miners.",
        "Write an executive summary of the project plan: phase one builds, phase two measures.",
        "Can you recap the conversation above?",
        "Shorten this text while keeping its meaning: due to the rain we stayed in.",
        "In a nutshell, what does this contract say? The tenant shall pay monthly.",
    ),
    "translation": (
        "Translate 'good morning' into German.",
        "How do you say 'where is the station' in Japanese?",
        "Please provide a French translation of this sentence: The shop closes at noon.",
        "Into Spanish, please: I would like two tickets.",
        "Traduce al inglés: el perro duerme en la cocina.",
        "What is the Italian word for bread?",
        "Render the following Latin motto in English: per aspera ad astra",
        "I need this letter translated to Polish: Dear Sir, thank you for your offer.",
        "Translate the following Python tutorial into Portuguese: A list holds values in order.",
        "how would i ask for the bill if i were in turkish speaking cyprus",
    ),
    "code": (
        "Write a Python function that reverses a linked list.",
        "Why does this code raise a KeyError?\n```python\nd = {}\nd['a']\n```",
        "Write a SQL query that returns the ten customers with the most orders.",
        "Refactor this method to remove the duplicated branch: public int f(int x) { return x; }",
        'def is_palindrome(text: str) -> bool:\n    """Whether text reads the same backwards."""\n',
        "Give me a regex that matches ISO dates.",
        "How do I undo the last git commit without losing changes?",
        "Implement a thread-safe LRU cache in Java.",
        "Write unit tests for a class that parses roman numerals.",
        "Create a Dockerfile for a Node.js app that listens on port 3000.",
    ),
    "reasoning": (
        "A train leaves at 3 pm at 60 km/h, another at 4 pm at 90 km/h. How many hours until the "
        "second catches up?",
        "Solve for x: 3x + 7 = 22",
        "Ben has 12 apples, gives 5 away and buys twice as many as he has left. How many apples "
        "does he have now?",
        "Prove that the sum of two odd numbers is even.",
        "What is the remainder when 7^100 is divided by 5?",
        "If all bloops are razzies and all razzies are lazzies, are all bloops lazzies?",
        "Compute the integral of x^2 e^x from 0 to 1.",
        "Ann is taller than Bo. Bo is taller than Cy. Who is the shortest?",
        "Find the probability of drawing two aces from a standard deck of cards.",
        "What number comes next: 2, 6, 12, 20, 30?",
    ),
    "conversation": (
        "Hi there, how are you doing today?",
        "Tell me a joke about penguins.",
        "remind me to water the plants at seven",
        "Write a poem about autumn rain.",
        "I feel nervous about my first day at work. Any advice?",
        "can you book a table for two at the thai place",
        "Let's brainstorm names for my bakery.",
        "Thanks, that was really helpful!",
        "Should I bring an umbrella or a raincoat on a hike?",
        "Pretend to be a pirate and greet me.",
    ),
}

HELD_OUT: Mapping[Task, tuple[str, ...]] = {
    "classification": (
        "Categorize this support message as bug, feature request or question: The app is slow.",
        "Decide whether this news snippet is fact or opinion: The new bridge is the ugliest yet.",
        "Positive, negative or neutral? 'The room was fine, nothing special.'",
        "Which department should handle this complaint: sales, legal or IT? My login is locked.",
        "Rate this review from 1 to 5 stars: Great lamp, but the cable is too short.",
    ),
    "extraction": (
        "Extract the product name and price: The Alto kettle is on sale for 39 euro.",
        "Return the dates that appear in this letter: We met on 2 June and again on 9 June.",
        "Which cities are mentioned in this sentence? We flew from Oslo to Rome via Vienna.",
        "Get the tracking number out of this email: your parcel ZX-4471-B has left our depot.",
        "Turn the text into a JSON object with keys name and age. Lia is eleven years old.",
    ),
    "question_answering": (
        "Where are the Galapagos Islands?",
        "who invented the telephone",
        "How does a refrigerator keep food cold?",
        "What is the difference between a crocodile and an alligator?",
        "Name the largest ocean on Earth.",
    ),
    "summarization": (
        "Summarise this chapter for a ten-year-old: The fox wanted grapes it could not reach.",
        "Give a one-paragraph summary of the text: Steel output fell for a third year.",
        "Boil this email thread down to three bullet points. Tim: late again. Eva: sorry.",
        "What's the gist of this post? I tried four keyboards and kept the cheapest.",
        "Write a headline for this story: A bakery in Leeds gave away its last loaf for charity.",
    ),
    "translation": (
        "Translate to Korean: See you tomorrow.",
        "how do i say thank you in swahili",
        "Can you put this sentence into Dutch? The children play outside.",
        "What does 'merci beaucoup' mean in English?",
        "Provide the Russian translation of 'library'.",
    ),
    "code": (
        "Write a bash script that deletes files older than a week.",
        "What is the time complexity of merge sort?",
        "Fix the bug:\nfor (int i = 0; i <= n; i++) { sum += a[i]; }",
        "Convert this JavaScript callback to async/await.",
        "Write a function to find the second largest element of a list.",
    ),
    "reasoning": (
        "A shirt costs $40 after a 20% discount. What was its price before?",
        "Simplify (x^2 - 9)/(x - 3).",
        "Five friends sit in a row. Mia is not at an end; Leo sits left of Mia. Who can be first?",
        "How many ways can 4 books be arranged on a shelf?",
        "If it takes 3 painters 6 hours, how long does it take 9 painters?",
    ),
    "conversation": (
        "hey, what's up?",
        "Write a birthday message for my aunt.",
        "play some jazz in the kitchen",
        "I had a rough day. Can we talk?",
        "Give me ideas for a weekend trip with kids.",
    ),
}
