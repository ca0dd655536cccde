"""Golden values for instructue-losses, written out term by term.

Each loss is a plain loop over the printed formula in float64; gradients come
from PyTorch's autograd. Nothing here is vectorised: it is meant to be read
beside the formula, not to be fast.

    Usage: python scripts/golden/losses.py --out crates/instructue-losses/tests/golden
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

TERMS = ("user_answer", "user_user", "answer_answer", "answer_user")


def contrastive(users, answers, user_keys, answer_keys, config):
    """Mean loss over the anchors, and dropped pairs per computed term."""
    n = users.shape[0]
    tau, margin = config["temperature"], config["margin"]
    cosine = {
        "user_answer": lambda i, j: users[i] @ answers[j],
        "user_user": lambda i, j: users[i] @ users[j],
        "answer_answer": lambda i, j: answers[i] @ answers[j],
        "answer_user": lambda i, j: answers[i] @ users[j],
    }

    def kept(term, i, j):
        same_user = user_keys[i] == user_keys[j]
        if same_user and term == "user_user":
            return False
        if same_user and term != "answer_answer" and not config["same_user_negatives"]:
            return False
        if config["mask_false_negatives"]:
            if answer_keys[i] == answer_keys[j]:
                return False
            if cosine[term](i, j).item() > (users[i] @ answers[i]).item() + margin:
                return False
        return True

    def anchored(terms):
        losses = []
        for i in range(n):
            positive = users[i] @ answers[i] / tau
            total = positive.exp()
            for j in range(n):
                if j == i:
                    continue
                for term in terms:
                    if kept(term, i, j):
                        total = total + (cosine[term](i, j) / tau).exp()
            losses.append(total.log() - positive)
        return torch.stack(losses).mean()

    terms = [term for term in TERMS if config[term]]
    loss = anchored(terms)
    computed = set(terms)
    if config["symmetric"]:
        swap = {"user_answer": "answer_user", "answer_user": "user_answer"}
        swapped = [swap.get(term, term) for term in terms]
        loss = (loss + anchored(swapped)) / 2
        computed |= set(swapped)
    dropped = {
        term: sum(not kept(term, i, j) for i in range(n) for j in range(n) if i != j)
        for term in TERMS
        if term in computed
    }
    return loss, dropped


def vectors(seed, n, width):
    """Unit vectors with everything in them that a mask looks for."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)
    users = draw(n, width)
    # Answers lean towards their users, some more than others.
    answers = users * torch.linspace(0.1, 1.2, n, dtype=torch.float64)[:, None] + draw(n, width)
    # Rows 0 and 1: near-equal users and answers, nearer than their positives.
    users[1] = users[0] + 0.05 * draw(width)
    answers[1] = answers[0] + 0.05 * draw(width)
    # Row 2's answer lies on row 3's user.
    answers[2] = users[3] + 0.1 * draw(width)
    user_keys = list(range(n))
    user_keys[4] = user_keys[5] = 3  # one user, three instructions
    answer_keys = list(range(n))
    answer_keys[6] = answer_keys[5]  # the same answer for another user
    answer_keys[4] = answer_keys[3]  # and for the same user
    answers[6], answers[4] = answers[5], answers[3]
    normal = lambda x: x / x.norm(dim=1, keepdim=True)
    # Values are those the single-precision side reads.
    users, answers = (normal(x).float().double() for x in (users, answers))
    return users, answers, user_keys, answer_keys


DEFAULT = {
    "temperature": 0.07,
    "margin": 0.1,
    "user_answer": True,
    "user_user": True,
    "answer_answer": True,
    "answer_user": False,
    "symmetric": False,
    "mask_false_negatives": True,
    "same_user_negatives": True,
}

CASES = {
    "default": {},
    "published_code": {"answer_answer": False, "answer_user": True},
    "user_answer_only": {"user_user": False, "answer_answer": False},
    "no_mask": {"mask_false_negatives": False},
    "no_same_user": {"same_user_negatives": False, "answer_user": True},
    "symmetric": {"symmetric": True},
    "symmetric_without_answer_answer": {"symmetric": True, "answer_answer": False},
    "wide_margin_warm": {"temperature": 0.5, "margin": 0.6},
    "cold": {"temperature": 0.005},
}


def write_contrastive(out):
    tensors, cases = {}, []
    for seed, (n, width) in enumerate([(8, 6), (13, 5)]):
        users, answers, user_keys, answer_keys = vectors(seed, n, width)
        tensors[f"{seed}.users"] = users.float()
        tensors[f"{seed}.answers"] = answers.float()
        for name, changes in CASES.items():
            config = DEFAULT | changes
            u, v = (x.clone().requires_grad_() for x in (users, answers))
            loss, dropped = contrastive(u, v, user_keys, answer_keys, config)
            loss.backward()
            key = f"{seed}.{name}"
            tensors[f"{key}.loss"] = loss.detach().float().reshape(1)
            tensors[f"{key}.users_grad"] = u.grad.float()
            tensors[f"{key}.answers_grad"] = v.grad.float()
            # d loss / d ln(temperature), by central differences in float64.
            step = 1e-5
            shifted = []
            for sign in (1, -1):
                warmer = config | {
                    "temperature": config["temperature"]
                    * torch.tensor(sign * step, dtype=torch.float64).exp().item()
                }
                shifted.append(
                    contrastive(users, answers, user_keys, answer_keys, warmer)[0].item()
                )
            slope = (shifted[0] - shifted[1]) / (2 * step)
            tensors[f"{key}.log_temperature_grad"] = torch.tensor([slope]).float()
            cases.append(
                {
                    "key": key,
                    "inputs": str(seed),
                    "config": config,
                    "user_keys": user_keys,
                    "answer_keys": answer_keys,
                    "dropped": dropped,
                }
            )
    metadata = {"cases": json.dumps(cases)}
    save_file(tensors, out / "contrastive.safetensors", metadata=metadata)


def write_next_token(out):
    generator = torch.Generator().manual_seed(7)
    tokens, vocabulary = 9, 11
    logits = 4 * torch.randn(tokens, vocabulary, generator=generator, dtype=torch.float64)
    logits[1] *= 40  # far apart: a naive softmax underflows here
    logits[2] += 1e4  # all large: a naive softmax overflows
    logits[3] = logits[3, 0]  # all equal
    logits = logits.float().double()
    targets = torch.randint(vocabulary, (tokens,), generator=generator)
    targets[1] = logits[1].argmin()  # the worst target
    weights = torch.rand(tokens, generator=generator, dtype=torch.float64).float().double()
    weights[4] = 0
    tensors = {"logits": logits.float(), "targets": targets, "weights": weights.float()}
    for name, weight in (
        ("mean", torch.full((tokens,), 1 / tokens, dtype=torch.float64)),
        ("weighted", weights),
    ):
        x = logits.clone().requires_grad_()
        loss = torch.zeros((), dtype=torch.float64)
        for t in range(tokens):
            total = (x[t] - x[t].max().detach()).exp().sum().log() + x[t].max().detach()
            loss = loss + weight[t] * (total - x[t, targets[t]])
        loss.backward()
        tensors[f"{name}.loss"] = loss.detach().float().reshape(1)
        tensors[f"{name}.logits_grad"] = x.grad.float()
    save_file(tensors, out / "next_token.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    torch.set_num_threads(2)
    out.mkdir(parents=True, exist_ok=True)
    write_contrastive(out)
    write_next_token(out)


if __name__ == "__main__":
    main()
