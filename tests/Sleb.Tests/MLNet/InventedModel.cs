using Sleb.Core.Artifacts;
using Sleb.MLNet.Scoring;

namespace Sleb.Tests.MLNet;

/// <summary>
/// A model whose answers can be worked out in one's head, and that counts what it is asked; it stands in the process's cache for a
/// folder with nothing in it, so that everything around a model can be tested without one.
/// </summary>
internal sealed class InventedModel : IScoringModel
{
    private const int Written = 0x10000; // added to a letter of a completion

    private readonly TemporaryFolder _root = new();
    private readonly ModelLease _lease;

    public InventedModel()
    {
        Folder = _root["invented"];
        Directory.CreateDirectory(Folder);
        File.WriteAllText(Path.Combine(Folder, "genai_config.json"), Guid.NewGuid().ToString());
        _lease = LoadedModels.Acquire(new(FolderFingerprint.Compute(Folder), null, false), () => this);
    }

    public string Folder { get; }

    /// <summary>The prompts of each call.</summary>
    public List<string[]> Batches { get; } = [];

    public List<string> Scored { get; } = [];

    public bool IsReleased { get; private set; }

    public int ContextLength => 1000;

    public bool RereadsExactly { get; set; } = true;

    /// <summary>A token is a letter.</summary>
    public int[] Encode(string prompt, ScoringSettings settings, Action<string> warn)
    {
        if (prompt.Length > 100) warn("A prompt was cut.");
        return prompt.StartsWith("no tokens", StringComparison.Ordinal) ? throw new InvalidDataException(prompt) : [.. prompt.Select(letter => (int)letter)];
    }

    /// <summary>The prompt in capitals, and then the end.</summary>
    public IReadOnlyList<int>[] Continue(IReadOnlyList<IReadOnlyList<int>> rows, int maxNewTokens, ScoringSettings settings, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        string[] prompts = [.. rows.Select(row => Decode([.. row.Where(id => id < Written)]))];
        Batches.Add(prompts);
        if (prompts.FirstOrDefault(prompt => prompt.StartsWith("fails", StringComparison.Ordinal)) is { } bad) throw new InvalidDataException(bad);
        return [.. rows.Select((row, i) => (IReadOnlyList<int>)[.. prompts[i].ToUpperInvariant().Select(letter => letter + Written)
            .Skip(row.Count(id => id >= Written)).Take(maxNewTokens)])];
    }

    public string Decode(IReadOnlyList<int> ids) => string.Concat(ids.Select(id => (char)(id % Written)));

    public float NegativeLogLikelihood(string text, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Scored.Add(text);
        return text.Length;
    }

    void IDisposable.Dispose() => IsReleased = true;

    /// <summary>Ends the test's own use; the model is released when nobody else uses it.</summary>
    public void Release()
    {
        _lease.Dispose();
        if (Directory.Exists(_root.Path)) _root.Dispose();
    }
}
