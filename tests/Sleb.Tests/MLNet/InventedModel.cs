using Sleb.Core.Artifacts;
using Sleb.MLNet.Scoring;

namespace Sleb.Tests.MLNet;

/// <summary>
/// A model whose answers can be worked out in one's head, and that counts what it is asked; it stands in the process's cache for a
/// folder with nothing in it, so that everything around a model can be tested without one.
/// </summary>
internal sealed class InventedModel : IScoringModel
{
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

    public IReadOnlyList<string> Complete(IReadOnlyList<string> prompts, ScoringSettings settings, Action<string> warn, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Batches.Add([.. prompts]);
        if (prompts.Any(prompt => prompt.Length > 100)) warn("A prompt was cut.");
        return [.. prompts.Select(prompt => prompt.ToUpperInvariant())];
    }

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
