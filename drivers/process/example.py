#!/usr/bin/env python3
"""A program for the driver "process": a make-believe terminal that finds a payment by our reference (C3).

It declines sums that end in 13 and approves all others. What it booked is in the file of settings.books, as a terminal
keeps its books, so that it can be asked after it died. PROTOCOL.md is the paper.
"""
import json, sys

def say(kind, number=0, **members):
    print(json.dumps({"type": kind, "id": number, **members}), flush=True)

def hear():
    line = sys.stdin.readline(65536)
    if not line:  # the till has gone, or wants us gone: acknowledge nothing, charge nothing, end
        sys.exit(0)
    return json.loads(line)

def recorded(number, result):
    """Have the result recorded. Only after it returned True may it be acknowledged to the terminal."""
    say("seen", number, result=result)
    while True:
        answer = hear()
        if answer["type"] == "seen" and answer["id"] == number:
            return answer.get("ok", False)

def booked(path):
    try:
        with open(path) as f:
            return dict(line.split(None, 1) for line in f)
    except FileNotFoundError:
        return {}

def approval(minor, proof):
    return {"outcome": "approved", "proof": proof, "captured": int(minor), "auth_code": "651200", "last4": "0043"}

def pay(number, reference, minor, path):
    say("progress", number, stage="sent")
    say("progress", number, stage="card-wait", text="Present the card.")
    result = {"outcome": "declined", "proof": "refused", "text": "The bank declined."}
    if minor % 100 != 13:
        with open(path, "a") as f:  # the terminal books
            f.write(f"{reference} {minor}\n")
        result = approval(minor, "dialogue")
    if recorded(number, result):
        say("progress", number, stage="acknowledged")
        say("result", number, result=result)
    else:
        say("error", number, text="the till did not record the result")

def recover(number, reference, path):
    books = booked(path)
    if reference in books:
        say("result", number, result=approval(books[reference], "query"))
    else:
        say("result", number, result={"outcome": "declined", "proof": "not-found", "text": "The terminal knows no such payment."})

hello = hear()
books = hello["settings"]["books"]
say("hello", version=1, name="example.py", evidence=["C3"], abilities=[], terminal_id="11000001")
while True:
    request = hear()
    if request["type"] == "pay":
        pay(request["id"], request["reference"], request["amount_minor"], books)
    elif request["type"] == "recover":
        recover(request["id"], request["reference"], books)
