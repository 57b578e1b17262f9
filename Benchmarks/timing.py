"""How the benchmarks take times and print them: ways of doing one thing are taken in turn, and compared by their medians."""

import os
import statistics
import subprocess
import sys
import tempfile
import time


class Failure(Exception):
    pass


def run(arguments, environment=None, text=None):
    """Runs a program to its end: seconds, peak memory in MiB, and what it printed."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        source = tempfile.TemporaryFile() if text is not None else None
        if source:
            source.write(text.encode())
            source.seek(0)
        start = time.perf_counter()
        process = subprocess.Popen(
            arguments, stdin=source or subprocess.DEVNULL, stdout=output, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode != 0:
            raise Failure(f"{' '.join(map(str, arguments))[:200]} ended with {process.returncode}:\n"
                          + errors.read().decode(errors="replace")[-2000:])
        return seconds, usage.ru_maxrss / 1024, output.read().decode(errors="replace")


def loop(commands, environment=None):
    """Runs programs one after the other: seconds for all of them."""
    start = time.perf_counter()
    for command in commands:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=True, env=environment)
    return time.perf_counter() - start


class Table:
    """Rows of times; in a group each row is a ratio to the first."""

    def __init__(self, rounds):
        self.rounds = rounds
        self.groups = []

    def measure(self, title, ways, before=None):
        """Takes the times of all ways in turn, round by round.

        A first round is thrown away: it warms caches. The long loops of processes have no part in it.
        """
        print(f"measuring: {title}", file=sys.stderr, flush=True)
        times = {name: [] for name in ways}
        for number in range(self.rounds + 1):
            if before:
                before(number)
            for name, way in ways.items():
                if number == 0 and "scaled" in name:
                    continue
                value = way()
                seconds = value if isinstance(value, float) else value[0]
                if number > 0:
                    times[name].append(seconds)
        self.groups.append({"title": title, "unit": "s", "rows": [{"name": n, "values": v} for n, v in times.items()]})
        return self.groups[-1]

    def add(self, title, unit, values):
        self.groups.append({"title": title, "unit": unit, "rows": [{"name": n, "values": v} for n, v in values.items()]})

    def text(self):
        lines = []
        for group in self.groups:
            lines += [group["title"], ""]
            first = statistics.median(group["rows"][0]["values"])
            lines.append(f"  {'':<58}{'median':>10}{'min – max':>20}{'ratio':>9}")
            for row in group["rows"]:
                middle = statistics.median(row["values"])
                low, high = min(row["values"]), max(row["values"])
                show = seconds_text if group["unit"] == "s" else "{:.0f} MiB".format
                span = f"{show(low)} – {show(high)}"
                ratio = f"{middle / first:.2f}" if first > 0 else "–"
                lines.append(f"  {row['name']:<58}{show(middle):>10}{span:>20}{ratio:>9}")
            lines.append("")
        return "\n".join(lines)


def seconds_text(seconds):
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"
