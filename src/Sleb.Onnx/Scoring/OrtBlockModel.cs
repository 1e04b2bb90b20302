using Microsoft.ML.OnnxRuntime;
using Sleb.Core.Checkpoints;
using Sleb.Core.Search;
using Sleb.Onnx.Runtime;
using Sleb.Onnx.Surgery;

namespace Sleb.Onnx.Scoring;

/// <summary>An ONNX Runtime GenAI folder, run block by block on the CPU with any of its blocks switched off.</summary>
/// <remarks>Sessions map the folder's data file, and a block's weights belong to one of them: together they hold the model once.</remarks>
internal sealed class OrtBlockModel : IDisposable
{
    /// <summary>Tokens a pass of the head: logits of a whole window would be tokens x vocabulary floats.</summary>
    private const int HeadChunk = 256;

    private readonly List<OrtPart> _parts = []; // embedding, blocks, head

    private OrtBlockModel(DecoderPackage package, int blocks) => (Package, BlockCount) = (package, blocks);

    public DecoderPackage Package { get; }

    public int BlockCount { get; }

    /// <exception cref="CheckpointException">The folder is damaged, its graph of an unknown form, or nothing that runs on the CPU.</exception>
    public static OrtBlockModel Load(string folder, CancellationToken cancellationToken = default)
    {
        _ = NativeRuntime.Providers;
        var package = DecoderPackage.Open(folder);
        var map = new BlockMap(package);
        var parts = new GraphParts(package, map);
        var model = new OrtBlockModel(package, map.Count);
        try
        {
            // A tied embedding is the head's weight turned round; computed ahead it would be there twice.
            model._parts.Add(new OrtPart(package, parts.Embedding(), optimize: false));
            for (int block = 0; block < map.Count; block++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                model._parts.Add(new OrtPart(package, parts.Block(block)));
            }
            model._parts.Add(new OrtPart(package, parts.Head()));
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The first block's input: (1, T, H).</summary>
    public OrtValue Embed(int[] ids) => _parts[0].Run(ids.Length, ids);

    /// <summary>One block's output: (1, T, H). The input stays the caller's.</summary>
    public OrtValue Block(int index, OrtValue hidden) => _parts[1 + index].Run(Length(hidden), hidden: hidden);

    /// <summary>From the last block's output to the loss of each of the T-1 next tokens: float32 logits, sums in double.</summary>
    public double[] TokenNll(OrtValue hidden, int[] ids, CancellationToken cancellationToken)
    {
        var losses = new double[ids.Length - 1];
        for (int start = 0; start < losses.Length; start += HeadChunk)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int count = Math.Min(HeadChunk, losses.Length - start);
            using var rows = Rows(hidden, start, count);
            using var output = _parts[^1].Run(count, hidden: rows);
            float[] logits = OrtPart.Floats(output);
            int vocabulary = logits.Length / count;
            if (output.GetTensorTypeAndShape().Shape is not [1, var positions, _] || positions != count)
                throw new CheckpointException($"{Path.Combine(Package.Folder, Package.GraphFile)} does not give the logits of every position, which a loss needs.");
            for (int t = 0; t < count; t++) losses[start + t] = LogSumExp.Nll(logits.AsSpan(t * vocabulary, vocabulary), ids[start + t + 1]);
        }
        return losses;
    }

    /// <summary>The loss of each next token with only <paramref name="blocks"/> in place behind <paramref name="input"/>, which stays the caller's.</summary>
    public double[] TokenNll(OrtValue input, IEnumerable<int> blocks, int[] ids, CancellationToken cancellationToken)
    {
        var hidden = input;
        try
        {
            foreach (int block in blocks)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var output = Block(block, hidden);
                if (hidden != input) hidden.Dispose();
                hidden = output;
            }
            return TokenNll(hidden, ids, cancellationToken);
        }
        finally
        {
            if (hidden != input) hidden.Dispose();
        }
    }

    /// <summary>Mean loss of each window in nats per token, with only <paramref name="alive"/> in place.</summary>
    public IReadOnlyList<double> WindowNll(IReadOnlyList<int[]> windows, IReadOnlyList<int> alive, CancellationToken cancellationToken)
    {
        var losses = new double[windows.Count];
        for (int w = 0; w < losses.Length; w++)
        {
            using var embedded = Embed(windows[w]);
            losses[w] = WindowLoss.Of(IBlockScorer.NoBlock, w, TokenNll(embedded, alive, windows[w], cancellationToken)).Nll;
        }
        return losses;
    }

    public void Dispose() => _parts.ForEach(part => part.Dispose());

    private static int Length(OrtValue hidden) => (int)hidden.GetTensorTypeAndShape().Shape[1];

    private static OrtValue Rows(OrtValue hidden, int start, int count)
    {
        var type = hidden.GetTensorTypeAndShape();
        var all = hidden.GetTensorMutableRawData();
        int row = all.Length / (int)type.Shape[1];
        var rows = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, type.ElementDataType, [1, count, type.Shape[2]]);
        all.Slice(start * row, count * row).CopyTo(rows.GetTensorMutableRawData());
        return rows;
    }
}
