using System.Globalization;
using Sleb.Core.Checkpoints;
using Sleb.Torch.Natives;

namespace Sleb.Torch.Streaming;

/// <summary>What a run under a memory cap holds at a time, decided before it starts. Bytes are resident bytes of the whole process.</summary>
internal sealed record MemoryBudget
{
    /// <summary>What a search needs: the rest of the program grows, and an estimate is one.</summary>
    private const long Reserve = 64_000_000;

    /// <summary>What the libraries of matrix products keep for themselves.</summary>
    private const long Libraries = 64_000_000;

    public required long Cap { get; init; }

    /// <summary>Measured: the program and its libraries.</summary>
    public required long Base { get; init; }

    /// <summary>The largest block, or slice of the head, in float32.</summary>
    public required long Weights { get; init; }

    /// <summary>What one sequence takes on its way through a block.</summary>
    public required long Work { get; init; }

    /// <summary>One sequence between two blocks.</summary>
    public required long State { get; init; }

    /// <summary>Sequences that fit between two blocks.</summary>
    public int States => (int)Math.Min(int.MaxValue, (Cap - Base - Weights - Work - Reserve) / State - 1); // one is made while its input is there

    /// <summary>The smallest cap under which this model and these windows can be scored.</summary>
    public long Least => Base + Weights + Work + Reserve + 2 * State;

    /// <param name="tokens">The longest sequence.</param>
    /// <exception cref="InvalidOperationException">The cap is too small.</exception>
    public static MemoryBudget Of(long cap, StreamedModel model, Checkpoint checkpoint, int tokens)
    {
        ProcessMemory.KeepSmall();
        ProcessMemory.Trim();
        var budget = new MemoryBudget
        {
            Cap = cap,
            Base = ProcessMemory.Resident(),
            Weights = model.WeightBytes,
            Work = model.WorkBytes(tokens) + Libraries,
            State = (long)tokens * checkpoint.Config.HiddenSize * sizeof(float),
        };
        return budget.States >= 1 ? budget : throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture,
            $"The memory cap is {Megabytes(cap)}, but {Megabytes(budget.Least)} are needed: {Megabytes(budget.Base)} for the program, {Megabytes(budget.Weights)} for the largest block, the rest for one window of {tokens} tokens. Give a higher --memory or a smaller --sequence-length."));
    }

    /// <summary>What will be done, for a person.</summary>
    public string Sentence(int windows, int candidates)
    {
        int group = Math.Clamp(States / candidates, 1, windows), parts = (candidates + States - 1) / States;
        string through = parts > 1 ? $"one window of {windows} with {States} of {candidates} candidates"
            : string.Create(CultureInfo.InvariantCulture, $"{group} of {windows} windows with all {candidates} candidates");
        long most = Base + Weights + Work + Reserve + (Math.Min((long)group * candidates, States) + 1) * State;
        return string.Create(CultureInfo.InvariantCulture,
            $"at most {Megabytes(most)} of {Megabytes(Cap)}: blocks are read from the checkpoint one at a time ({Megabytes(Weights)}), and {through} go through each while it is there");
    }

    private static string Megabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(bytes / 1e6):0} MB");
}
