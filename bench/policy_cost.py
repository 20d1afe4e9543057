"""What the policy filter costs in a fresh process: start time, memory, and time a decision on one core."""

import json
import os
import resource
import subprocess
import sys
import time

_ONE_CORE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_PROMPTS = 400


def percentile(times: list[float], share: float) -> float:
    """The value that `share` of the times don't pass; 0 for no times."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] if times else 0.0


def fresh_process_cost() -> dict[str, float]:
    """Start (s of clock and processor), peak memory (MB), median and p99 (ms) of 400 prompts; a fresh process."""
    command = [sys.executable, "-m", "bench.policy_cost"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | _ONE_CORE)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main() -> int:
    """Measure this process and print one JSON object. Its imports are late: they are part of the start."""
    start, start_cpu = time.perf_counter(), time.process_time()
    from policy.decision import PolicyInput
    from policy.filter import PolicyFilter

    policy = PolicyFilter.default()
    policy.decide(PolicyInput({"prompt": "a cat"}))
    start_s, start_cpu_s = time.perf_counter() - start, time.process_time() - start_cpu
    from bench import policy_prompts as prompts

    lines = [*prompts.sampled(prompts.made_benign(), _PROMPTS // 2), *prompts.sampled(_plain(), _PROMPTS // 2)]
    times = []
    for line in lines:
        begun = time.process_time()
        policy.decide(PolicyInput({"prompt": line}))
        times.append((time.process_time() - begun) * 1000)
    print(
        json.dumps(
            {
                "start_s": round(start_s, 2),
                "start_cpu_s": round(start_cpu_s, 2),
                "memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "median_ms": round(percentile(times, 0.5), 2),
                "p99_ms": round(percentile(times, 0.99), 2),
            }
        )
    )
    return 0


def _plain() -> list[str]:
    from bench import policy_prompts as prompts

    templates = prompts.lines_of("plain_templates.txt")
    return [prompt for _, prompt in prompts.templated(prompts.lines_of("public.txt"), templates)]


if __name__ == "__main__":
    sys.exit(main())
