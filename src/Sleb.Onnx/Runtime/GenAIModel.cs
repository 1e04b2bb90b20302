using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.ML.OnnxRuntimeGenAI;
using Sleb.Core.Checkpoints;
using Sleb.Core.Evaluation;
using Sleb.Onnx.GenAI;

namespace Sleb.Onnx.Runtime;

/// <summary>A loaded ONNX Runtime GenAI folder: losses and continuations of token ids.</summary>
/// <remarks>Usable from several threads: every call has a generator (and a KV cache) of its own.</remarks>
internal sealed class GenAIModel : ITokenScorer, IDisposable
{
    /// <summary>Positions whose logits are fetched at once: [256, V] float32 is 50 MB for a vocabulary of 49,152.</summary>
    internal const int ChunkLength = 256;

    private delegate void PositionHandler(int position, ReadOnlySpan<float> logits);

    private readonly GenAIConfig _config;
    private readonly SharedModel _model;
    private readonly Lazy<bool> _rereadsExactly;

    private GenAIModel(string folder, GenAIConfig config, SharedModel model, string device, bool fellBackToCpu)
    {
        (Folder, _config, _model, Device, FellBackToCpu) = (folder, config, model, device, fellBackToCpu);
        _rereadsExactly = new(() => !FolderGraph.RoundsActivations(FolderGraph.Read(Folder)));
    }

    public string Folder { get; }

    /// <summary>The longest sequence, prompt and continuation together.</summary>
    public int ContextLength => _config.ContextLength;

    public int VocabSize => _config.VocabSize;

    public IReadOnlyList<int> EosTokenIds => _config.EosTokenIds;

    /// <summary>
    /// Whether a continuation that is broken off and taken up again, by reading prompt and continuation so far, goes on as it would have:
    /// the logits are those of the unbroken run but for float rounding.
    /// </summary>
    public bool RereadsExactly => _rereadsExactly.Value;

    /// <summary><c>cpu</c>, or <c>cuda:N</c>.</summary>
    public string Device { get; }

    /// <summary>A GPU was asked for, is not there, and the CPU was allowed in its place.</summary>
    public bool FellBackToCpu { get; }

    /// <param name="gpuDeviceId">The CUDA device; null runs the folder where its genai_config.json says.</param>
    /// <param name="fallbackToCpu">Use the CPU where CUDA is missing, instead of failing.</param>
    /// <param name="threads">Cores to compute on; null is what the folder says, else all there are.</param>
    /// <exception cref="CheckpointException">The folder is missing or damaged.</exception>
    /// <exception cref="InvalidOperationException">CUDA was asked for and is not there.</exception>
    public static GenAIModel Load(string folder, int? gpuDeviceId = null, bool fallbackToCpu = false, int? threads = null) =>
        Open(folder, gpuDeviceId, fallbackToCpu, threads, mayLackKernels: false)!;

    /// <summary>As <see cref="Load"/>; null where CUDA is missing and the CPU, in its place, lacks kernels for the folder's types.</summary>
    /// <remarks>The runtime looks for kernels only when all types in the graph have proved right.</remarks>
    public static GenAIModel? LoadIfItRuns(string folder, int? gpuDeviceId = null, bool fallbackToCpu = true) =>
        Open(folder, gpuDeviceId, fallbackToCpu, threads: null, mayLackKernels: true);

    private static GenAIModel? Open(string folder, int? gpuDeviceId, bool fallbackToCpu, int? threads, bool mayLackKernels)
    {
        folder = Path.GetFullPath(folder);
        var config = GenAIConfig.Read(folder);
        int? device = gpuDeviceId ?? (config.IsForCuda ? 0 : null);
        if (device is not null)
        {
            try
            {
                return new GenAIModel(folder, config, ModelLoader.Open(folder, config, device), $"cuda:{device}", fellBackToCpu: false);
            }
            catch (InvalidOperationException) when (fallbackToCpu)
            {
            }
        }
        try
        {
            return new GenAIModel(folder, config, ModelLoader.Open(folder, config, null, threads), "cpu", fellBackToCpu: device is not null);
        }
        catch (CheckpointException e) when (mayLackKernels && device is not null && ModelLoader.LacksKernel(e))
        {
            return null;
        }
    }

    /// <summary>Negative log-likelihoods of ids 1 … n-1 in nats, each given those before it.</summary>
    public double[] TokenNll(ReadOnlySpan<int> ids, CancellationToken cancellationToken = default)
    {
        if (ids.Length < 2) throw new ArgumentException($"A loss needs at least 2 token ids; {ids.Length} given.");
        Check(ids);
        int[] targets = ids[1..].ToArray();
        var losses = new double[targets.Length];
        Forward(ids[..^1], (position, logits) => losses[position] = LogSumExp.Nll(logits, targets[position]), cancellationToken);
        return losses;
    }

    /// <inheritdoc/>
    public IReadOnlyList<TokenScore[]> Score(IReadOnlyList<ScoredSequence> sequences, CancellationToken cancellationToken)
    {
        foreach (var sequence in sequences) Check(sequence.Input);
        return new TokenScoring(_model, VocabSize, ChunkLength).Score(sequences, cancellationToken);
    }

    /// <summary>Logits of all positions, row-major <c>[n, V]</c>.</summary>
    public float[] Logits(ReadOnlySpan<int> ids, CancellationToken cancellationToken = default)
    {
        Check(ids);
        var all = new float[checked(ids.Length * VocabSize)];
        Forward(ids, (position, logits) => logits.CopyTo(all.AsSpan(position * VocabSize)), cancellationToken);
        return all;
    }

    /// <summary>Continues a prompt; returns the new ids, without the end-of-sequence id that ended them.</summary>
    /// <param name="onToken">Called with every new id as it comes.</param>
    public IReadOnlyList<int> Generate(
        IReadOnlyList<int> prompt, GenerationOptions options, Action<int>? onToken = null, CancellationToken cancellationToken = default)
    {
        options.Validate();
        int[] ids = [.. prompt];
        Check(ids);
        var generated = new List<int>();
        int limit = (int)Math.Min((long)ids.Length + options.MaxNewTokens, ContextLength);
        if (limit == ids.Length) return generated;
        using var session = _model.Open(1, limit);
        for (int done = 0; done < ids.Length; done += ChunkLength)
        {
            cancellationToken.ThrowIfCancellationRequested();
            session.Append(ids.AsSpan(done, Math.Min(ChunkLength, ids.Length - done)));
        }
        // Ids are picked here and appended: GenAI's own step would stop at an end-of-sequence id for good.
        for (var sampler = new TokenSampler(options); ;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var logits = session.Logits(out int positions);
            int next = sampler.Pick(logits.Slice((positions - 1) * VocabSize, VocabSize));
            if (!options.IgnoreEos && EosTokenIds.Contains(next)) return generated;
            generated.Add(next);
            onToken?.Invoke(next);
            if (ids.Length + generated.Count == limit) return generated;
            session.Append([next]);
        }
    }

    /// <summary>How long GenAI's own greedy loop takes to read a prompt up to its first new id, and for as many ids behind that one.</summary>
    /// <remarks>A text does not end here, so that what is timed is what was asked for.</remarks>
    public (TimeSpan Prefill, TimeSpan Decode) Time(ReadOnlySpan<int> prompt, int newTokens, CancellationToken cancellationToken = default)
    {
        Check(prompt);
        int length = prompt.Length + 1 + newTokens;
        using var session = _model.Open(1, length, minLength: length);
        long start = Stopwatch.GetTimestamp();
        session.Append(prompt);
        session.Step();
        var prefill = Stopwatch.GetElapsedTime(start);
        start = Stopwatch.GetTimestamp();
        for (int i = 0; i < newTokens; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            session.Step();
        }
        return (prefill, Stopwatch.GetElapsedTime(start));
    }

    /// <summary>How long GenAI's own greedy loop takes for several texts together: reading the prompt that all of them have, and as many new ids each.</summary>
    public TimeSpan TimeBatch(ReadOnlySpan<int> prompt, int rows, int newTokens, CancellationToken cancellationToken = default)
    {
        Check(prompt);
        int length = prompt.Length + newTokens;
        int[] ids = new int[prompt.Length * rows];
        for (int row = 0; row < rows; row++) prompt.CopyTo(ids.AsSpan(row * prompt.Length));
        using var session = _model.Open(rows, length, minLength: length);
        long start = Stopwatch.GetTimestamp();
        session.Append(ids);
        for (int i = 0; i < newTokens; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            session.Step();
        }
        return Stopwatch.GetElapsedTime(start);
    }

    /// <summary>Continues several prompts at once; each gets what <see cref="Generate"/> would give it.</summary>
    public IReadOnlyList<int>[] GenerateBatch(
        IReadOnlyList<IReadOnlyList<int>> prompts, GenerationOptions options, CancellationToken cancellationToken = default)
    {
        options.Validate();
        foreach (var prompt in prompts) Check([.. prompt]);
        return new BatchDecoding(this, _model).Generate(prompts, options, cancellationToken);
    }

    /// <summary>A user's message in the chat template of the folder's tokenizer files, up to where the assistant's answer begins.</summary>
    /// <exception cref="CheckpointException">The folder has no chat template, or one that GenAI cannot apply.</exception>
    public string ApplyChatTemplate(string message)
    {
        try
        {
            return _model.ApplyChatTemplate(new JsonArray(new JsonObject { ["role"] = "user", ["content"] = message }).ToJsonString());
        }
        catch (OnnxRuntimeGenAIException e)
        {
            throw new CheckpointException($"The chat template of {Folder} cannot be applied: {e.Message.TrimEnd('.')}. Complete without a chat template, or put the text into its form yourself.", e);
        }
    }

    /// <summary>The ids that GenAI's own tokenizer gives, without special tokens.</summary>
    /// <exception cref="CheckpointException">GenAI cannot use the folder's tokenizer.</exception>
    public IReadOnlyList<int[]> Encode(IReadOnlyList<string> texts)
    {
        try
        {
            return _model.Encode(texts);
        }
        catch (OnnxRuntimeGenAIException e)
        {
            throw new CheckpointException($"ONNX Runtime GenAI cannot use the tokenizer of {Folder}: {e.Message.TrimEnd('.')}. Programs can give it ids, as Sleb does.", e);
        }
    }

    public void Dispose() => _model.Dispose();

    private void Forward(ReadOnlySpan<int> ids, PositionHandler handle, CancellationToken cancellationToken)
    {
        using var session = _model.Open(1, ids.Length);
        for (int done = 0; done < ids.Length; done += ChunkLength)
        {
            cancellationToken.ThrowIfCancellationRequested();
            session.Append(ids.Slice(done, Math.Min(ChunkLength, ids.Length - done)));
            var logits = session.Logits(out int positions);
            for (int i = 0; i < positions; i++) handle(done + i, logits.Slice(i * VocabSize, VocabSize));
        }
    }

    private void Check(ReadOnlySpan<int> ids)
    {
        if (ids.IsEmpty) throw new ArgumentException("At least one token id is needed.");
        if (ids.Length > ContextLength)
            throw new ArgumentException($"{ids.Length} token ids are longer than the model's context of {ContextLength}; shorten the text.");
        foreach (int id in ids)
            if ((uint)id >= (uint)VocabSize)
                throw new ArgumentException($"Token id {id} is outside the model's vocabulary of {VocabSize}; the ids come from another tokenizer.");
    }
}
