using System.Globalization;
using Sleb.Core.Checkpoints;
using Sleb.Torch.Natives;

namespace Sleb.Torch.Streaming;

/// <summary>What a run under a memory cap holds at a time, decided before it starts. Bytes are resident bytes of the whole process.</summary>
internal sealed record MemoryBudget
{
    /// <summary>The program grows while it runs, matrix products keep some memory for themselves, and an estimate is one.</summary>
    private const long Reserve = 128_000_000;

    public required long Cap { get; init; }

    /// <summary>Measured: the program and its libraries.</summary>
    public required long Program { get; init; }

    /// <summary>The largest block, or slice of the head.</summary>
    public required long Weights { get; init; }

    /// <summary>What one window takes on its way through a block.</summary>
    public required long Work { get; init; }

    /// <summary>One window between two blocks.</summary>
    public required long State { get; init; }

    /// <summary>Tokens of the longest window.</summary>
    public required int Tokens { get; init; }

    /// <summary>Windows that may wait between two blocks: beside them one is made while its input is there.</summary>
    public int States => (int)Math.Clamp((Cap - Fixed) / State - 1, 0, int.MaxValue);

    /// <summary>A part of a matrix on its way into an ONNX folder; the export holds it beside the weights.</summary>
    public long Matrix => MatrixUnder(Cap);

    private long Fixed => Program + Weights + Work + Matrix + Reserve;

    /// <exception cref="InvalidOperationException">The cap is too small: the message says how much is needed.</exception>
    public static MemoryBudget Of(long cap, Checkpoint checkpoint, StreamedModel model, int tokens)
    {
        ProcessMemory.KeepSmall(Reserve + MatrixUnder(cap)); // of the model, .NET's heap holds that part of a matrix alone
        ProcessMemory.Trim();
        var budget = new MemoryBudget
        {
            Cap = cap,
            Program = ProcessMemory.Resident(),
            Weights = model.WeightBytes,
            Work = model.WorkBytes(tokens),
            State = (long)tokens * checkpoint.Config.HiddenSize * sizeof(float),
            Tokens = tokens,
        };
        return budget.States > 0 ? budget : throw new InvalidOperationException(
            $"The memory cap is {Text(cap)}, but at least {Text(budget.Fixed + 2 * budget.State)} are needed: {Text(budget.Program)} for the program, {Text(budget.Weights)} for the largest block, the rest for a window of {tokens} tokens on its way through it. Give a larger --memory, or a smaller --sequence-length.");
    }

    /// <summary>Whether a written folder may be loaded: its weights lie in memory as they are mapped, and once more as the runtime packs them.</summary>
    public bool Holds(long folderBytes) => ProcessMemory.Resident() + 2 * folderBytes + Reserve <= Cap;

    /// <summary>What a search will do, for a person.</summary>
    public string Plan(int windows, int candidates)
    {
        int together = Math.Clamp(States / candidates, 1, windows), atATime = Math.Min(candidates, States);
        string pass = atATime < candidates ? $"{atATime} of {candidates} candidates on one window" : $"all {candidates} candidates on {together} of {windows} windows";
        return $"at most {Text(Fixed + (1L + together * atATime) * State)} of {Text(Cap)}: blocks are read from the checkpoint one after the other ({Text(Weights)} at a time), and {pass} of {Tokens} tokens go through each while it is there";
    }

    /// <summary>What an export will do, for a person.</summary>
    public string ExportPlan() =>
        $"at most {Text(Fixed)} of {Text(Cap)}: the folder is written and checked piece by piece ({Text(Weights)} at a time)";

    /// <summary>What a copy of a checkpoint's weights will do, for a person: whatever their size, they pass through a few megabytes.</summary>
    /// <exception cref="InvalidOperationException">The cap is too small: the message says how much is needed.</exception>
    public static string CopyPlan(long cap)
    {
        ProcessMemory.KeepSmall(Reserve);
        ProcessMemory.Trim();
        long needed = ProcessMemory.Resident() + Reserve;
        return needed <= cap ? $"at most {Text(needed)} of {Text(cap)}: weights are copied and compared piece by piece"
            : throw new InvalidOperationException($"The memory cap is {Text(cap)}, but at least {Text(needed)} are needed for the program itself. Give a larger --memory.");
    }

    private static long MatrixUnder(long cap) => Math.Min(128 << 20, cap / 16);

    /// <summary>Megabytes, rounded up.</summary>
    public static string Text(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(bytes / 1e6):0} MB");
}
