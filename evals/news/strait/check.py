"""What is wrong with this archive's form, and its counts. usage: check.py (in the archive's folder or from anywhere)"""

import collections, json, pathlib, sys

top = pathlib.Path(__file__).resolve().parent
bad = []
arts = {p.name: p.read_text(encoding="utf-8") for p in sorted((top / "articles").iterdir())}
LANGS = {"en", "sv", "de", "es", "fr"}
KINDS = set(
    "one_sentence own_year latest future elsewhere nobody differ not_differ wire_versions speaker opinion both_halves".split()
)
TURNS = set("first pronoun ellipsis year_after who_owns_it topic_change other_language unanswerable".split())
ids, asked = set(), set()
C = collections.Counter


def rows(name):
    for n, line in enumerate((top / name).read_text(encoding="utf-8").splitlines(), 1):
        try:
            yield json.loads(line)
        except ValueError as e:
            bad.append(f"{name} line {n}: {e}")


def once(i):
    if i in ids:
        bad.append(f"{i} twice")
    ids.add(i)


def quotes(w, qs):
    for g in qs:
        t = arts.get(g["file"])
        if t is None:
            bad.append(f"{w}: no file {g['file']}")
            continue
        if t.count(g["quote"]) != 1:
            bad.append(f"{w}: quote stands {t.count(g['quote'])} times in {g['file']}: {g['quote'][:60]!r}")
        if "\n" in g["quote"] or g["quote"][-1] not in ".\"'”»!?":
            bad.append(f"{w}: not a sentence: {g['quote'][-30:]!r}")


def gold(w, q):
    quotes(w, q["gold_quotes"])
    if (
        q["answerable"] != bool(q["gold_groups"])
        or q["answerable"] != bool(q["gold_quotes"])
        or q["answerable"] != bool(q["answer_keys"])
    ):
        bad.append(f"{w}: gold and answerable disagree")
    files = {f for g in q["gold_groups"] for f in g}
    if files != {g["file"] for g in q["gold_quotes"]}:
        bad.append(f"{w}: groups and quotes name other files")
    text = " ".join(g["quote"] for g in q["gold_quotes"]).lower()
    for k in q["answer_keys"]:
        if not any(x.lower() in text for x in k):
            bad.append(f"{w}: no gold quote holds {k}")
    # each source must hold a key of its own
    for g in q["gold_quotes"]:
        same = " ".join(h["quote"] for h in q["gold_quotes"] if h["file"] == g["file"]).lower()
        if not any(x.lower() in same for k in q["answer_keys"] for x in k) and q.get("kind") not in (
            "speaker",
            "opinion",
        ):
            bad.append(f"{w}: no key in {g['quote'][:50]!r}")
    for m in q.get("must_not", []):
        if m.lower() in text:
            bad.append(f"{w}: gold holds must_not {m!r}")


kinds, langs, kl = C(), C(), C()
for q in rows("questions.jsonl"):
    w = q["id"]
    once(w)
    kinds[q["kind"]] += 1
    langs[q["lang"]] += 1
    kl[q["kind"], q["lang"]] += 1
    if q["question"] in asked:
        bad.append(f"{w}: asked twice")
    asked.add(q["question"])
    if q["kind"] not in KINDS or q["lang"] not in LANGS:
        bad.append(f"{w}: kind or language")
    if (q["kind"] in ("future", "elsewhere", "nobody")) == q["answerable"]:
        bad.append(f"{w}: kind and answerable disagree")
    if q["kind"] == "differ" and len(q["gold_groups"]) < 2:
        bad.append(f"{w}: differ needs two groups")
    if q["kind"] == "not_differ" and (len(q["gold_groups"]) != 1 or not q["must_not"]):
        bad.append(f"{w}: not_differ")
    if q["kind"] == "one_sentence" and len(q["gold_quotes"]) != 1:
        bad.append(f"{w}: one_sentence with {len(q['gold_quotes'])}")
    gold(w, q)
tk, tl, cl, size = C(), C(), C(), C()
for c in rows("conversations.jsonl"):
    w = c["id"]
    once(w)
    cl[c["lang"]] += 1
    size[len(c["turns"])] += 1
    if not 2 <= len(c["turns"]) <= 4 or c["turns"][0]["kind"] != "first" or not c["note"]:
        bad.append(f"{w}: form")
    for i, t in enumerate(c["turns"]):
        tk[t["kind"]] += 1
        tl[t["lang"]] += 1
        if t["kind"] not in TURNS or (i and t["kind"] == "first") or t["lang"] not in LANGS:
            bad.append(f"{w}.{i}: kind or language")
        if (t["kind"] == "other_language") != (i > 0 and t["lang"] != c["turns"][i - 1]["lang"]) and not (
            i > 1 and t["lang"] == c["lang"]
        ):
            bad.append(f"{w}.{i}: other_language")
        if (t["kind"] == "unanswerable") == t["answerable"] or not t["standalone"]:
            bad.append(f"{w}.{i}: answerable or standalone")
        if t["kind"] in ("first", "topic_change") and t["standalone"] != t["question"]:
            bad.append(f"{w}.{i}: stands alone already")
        gold(f"{w}.{i}", t)
later = sum(tk.values()) - tk["first"]
if tk["topic_change"] * 3 < later:
    bad.append("too few topic changes")
sup, dl, ns, cross = C(), C(), C(), 0
for d in rows("drafts.jsonl"):
    w = d["id"]
    once(w)
    dl[d["lang"]] += 1
    ns[len(d["sentences"])] += 1
    for i, s in enumerate(d["sentences"]):
        sup[s["support"]] += 1
        quotes(f"{w}.{i}", s["gold_quotes"])
        if s["support"] not in ("supported", "unsupported", "not_a_claim") or not s["why"]:
            bad.append(f"{w}.{i}: form")
        if (s["support"] == "not_a_claim") == bool(s["files"]):
            bad.append(f"{w}.{i}: files")
        for f in s["files"]:
            if f not in arts:
                bad.append(f"{w}.{i}: no file {f}")
        if "right" in s and not any(s["right"] in g["quote"] for g in s["gold_quotes"]):
            bad.append(f"{w}.{i}: right")
print("\n".join(bad) or "form: fine")
print(len(arts), "articles,", min(map(len, arts.values())), "to", max(map(len, arts.values())), "characters")
print("questions", sum(kinds.values()), dict(kinds), dict(langs))
print(
    "conversations",
    sum(cl.values()),
    dict(cl),
    "turns",
    dict(size),
    dict(tk),
    f"topic changes {tk['topic_change'] / later:.2f} of {later} later turns; turns by language",
    dict(tl),
)
print("drafts", sum(dl.values()), dict(dl), dict(sup), "sentences each", dict(ns))
sys.exit(bool(bad))
