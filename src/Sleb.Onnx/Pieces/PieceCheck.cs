using System.Globalization;
using Sleb.Onnx.Protos;

namespace Sleb.Onnx.Pieces;

/// <summary>
/// The last step of an export whose folder is too large to be loaded: every piece of the written graph is run alone, on the hidden
/// states of another implementation, and compared with it.
/// </summary>
internal static class PieceCheck
{
    /// <summary>Of the largest value, see <see cref="LogitCheck"/>.</summary>
    private const double Relative = 1e-4;

    /// <summary>Bytes of the head's matrix that are in memory at a time.</summary>
    private const long SliceBytes = 64 << 20;

    private const string HeadNode = "/lm_head/MatMul", Logits = "logits";

    /// <param name="survivors">Original indices of the graph's blocks.</param>
    /// <exception cref="InvalidDataException">A piece computes something else.</exception>
    public static void Verify(string folder, IReadOnlyList<int> survivors, int vocabulary, IModelPieces reference, CancellationToken cancellationToken)
    {
        int[] ids = LogitCheck.Prompt(LogitCheck.PromptLength, vocabulary);
        var states = new List<float[]> { reference.Embed(ids) };
        foreach (int block in survivors)
        {
            cancellationToken.ThrowIfCancellationRequested();
            states.Add(reference.Block(block, states[^1]));
        }
        float[] logits = reference.Logits(states[^1]);
        reference.Release(); // the two implementations are never in memory together

        var cut = new GraphCut(Read(folder), survivors.Count);
        Compare("the embedding", states[0], Run(cut.Between(null, cut.Hidden[0]), folder, null, ids, []));
        for (int i = 0; i < survivors.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Compare(FormattableString.Invariant($"block {survivors[i]}"), states[i + 1], Run(cut.Between(cut.Hidden[i], cut.Hidden[i + 1]), folder, cut.Hidden[i], ids, states[i]));
        }
        Compare("the head", logits, RunHead(cut, folder, ids, states[^1], cancellationToken));
    }

    private static float[] RunHead(GraphCut cut, string folder, int[] ids, float[] hidden, CancellationToken cancellationToken)
    {
        var node = cut.Node(HeadNode);
        float[] normed = Run(cut.Between(cut.Hidden[^1], node.Input[0]), folder, cut.Hidden[^1], ids, hidden);
        float[] product = Multiply(cut, node, folder, ids, normed, cancellationToken);
        return node.Output[0] == Logits ? product : Run(cut.Between(node.Output[0], Logits), folder, node.Output[0], ids, product);
    }

    /// <summary>The head's product in slices of its rows: of the vocabulary where it is the embedding [V, H], of the sum where it is [H, V].</summary>
    private static float[] Multiply(GraphCut cut, NodeProto node, string folder, int[] ids, float[] normed, CancellationToken cancellationToken)
    {
        var weight = cut.Initializer(node.Input[1]);
        bool tied = node.OpType == "FusedMatMul";
        int tokens = ids.Length, rows = (int)weight.Dims[0], row = (int)weight.Dims[1], inputs = tied ? row : rows, outputs = tied ? rows : row;
        var product = new float[tokens * outputs];
        int slice = (int)Math.Clamp(SliceBytes / (row * sizeof(float)), 1, rows);
        for (int first = 0; first < rows; first += slice)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int count = Math.Min(slice, rows - first);
            float[] part = tied ? normed : [.. Enumerable.Range(0, tokens).SelectMany(t => normed.AsSpan(t * inputs + first, count).ToArray())];
            float[] found = Run(cut.Single(node, Rows(weight, first, count)), folder, node.Input[0], ids, part);
            for (int t = 0; t < tokens; t++)
                if (tied) found.AsSpan(t * count, count).CopyTo(product.AsSpan(t * outputs + first));
                else for (int i = 0; i < outputs; i++) product[t * outputs + i] += found[t * outputs + i];
        }
        return product;
    }

    private static TensorProto Rows(TensorProto whole, int first, int count)
    {
        long row = whole.Dims[1] * sizeof(float), offset = long.Parse(whole.ExternalData.Single(entry => entry.Key == "offset").Value, CultureInfo.InvariantCulture);
        var rows = whole.Clone();
        rows.Dims[0] = count;
        rows.ExternalData.Single(entry => entry.Key == "offset").Value = (offset + first * row).ToString(CultureInfo.InvariantCulture);
        rows.ExternalData.Single(entry => entry.Key == "length").Value = (count * row).ToString(CultureInfo.InvariantCulture);
        return rows;
    }

    private static float[] Run(ModelProto piece, string folder, string? hiddenName, int[] ids, float[] hidden)
    {
        using var session = new PieceSession(piece, folder, hiddenName);
        return session.Run(ids, hidden);
    }

    private static void Compare(string piece, float[] expected, float[] found)
    {
        double worst = LogitCheck.Difference(expected, found, out double largest), bound = Relative * largest;
        if (expected.Length != found.Length || !(worst <= bound))
            throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                $"In the written model {piece} differs from the checkpoint's by {worst:g3} where {bound:g3} is allowed. Nothing was put in place; please report this with the model's config.json."));
    }

    private static ModelProto Read(string folder)
    {
        using var stream = File.OpenRead(Path.Combine(folder, OnnxExporter.GraphFile));
        return ModelProto.Parser.ParseFrom(stream);
    }
}
