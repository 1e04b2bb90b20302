using System.Globalization;
using Sleb.Core.Checkpoints;
using Sleb.Core.Families;
using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Onnx.Emit;

/// <summary>
/// What the graphs of all families share: inputs, mask, embedding, linear layers, KV cache, head. It is written from a list of
/// surviving blocks; a removed block is never read.
/// </summary>
internal sealed class DecoderGraph(
    Checkpoint checkpoint, Family family, IReadOnlyList<int> survivors, ExternalData data, long matrixBytes, CancellationToken cancellationToken,
    OnnxForm form, Quantization? quantization = null, SharedWeights? shared = null)
{
    private const string Batch = "batch_size", Sequence = "sequence_length", Past = "past_sequence_length", Total = "total_sequence_length";
    private const string Embedding = "model.embed_tokens.weight", OwnHead = "lm_head.MatMul.weight";

    private readonly WeightStream _weights = new(checkpoint, data, (int)(matrixBytes / sizeof(float)), cancellationToken);
    private readonly HashSet<int> _ones = [];
    private QuantizedMatrices? _quantized;
    private bool _embeddingIsQuantized;
    private int? _contextLimit;

    public Checkpoint Checkpoint { get; } = checkpoint;

    public ModelConfig Config { get; } = checkpoint.Config;

    public Family Family { get; } = family;

    /// <summary>Original indices of the blocks that stay, ascending. Names in the graph count positions in this list, without gaps.</summary>
    public IReadOnlyList<int> Survivors { get; } = survivors;

    public GraphBuilder Graph { get; } = new(data, shared);

    /// <summary>Number of keys that are valid, minus one, per row: int32 <c>[B]</c>.</summary>
    public string SequenceLengths { get; private set; } = "";

    /// <summary>Length of keys, past and new: an int32 scalar.</summary>
    public string TotalLength { get; private set; } = "";

    /// <summary>Whether the graph reads <c>position_ids</c>.</summary>
    public bool ReadsPositions { get; private set; }

    /// <summary>The longest sequence the graph is exact for.</summary>
    public int ContextLength => _contextLimit ?? Config.MaxPositionEmbeddings;

    /// <summary>Why <see cref="ContextLength"/> is not all the model can do; null where it is.</summary>
    public string? ContextNote { get; private set; }

    /// <summary>Declares inputs and outputs in the order GenAI's own builder uses, and the mask's two forms.</summary>
    /// <param name="positions">Whether the graph reads <c>position_ids</c>.</param>
    public void Begin(bool positions, int keyValueHeads, int headDim)
    {
        ReadsPositions = positions;
        if (quantization is not null) _quantized = new(Graph, _weights, quantization);
        Graph.Input("input_ids", DataType.Int64, Batch, Sequence);
        Graph.Input("attention_mask", DataType.Int64, Batch, Total);
        if (positions) Graph.Input("position_ids", DataType.Int64, Batch, Sequence);
        Graph.Output("logits", DataType.Float, Batch, Sequence, Config.VocabSize);
        foreach (string kind in (string[])["key", "value"])
            for (int i = 0; i < Survivors.Count; i++)
            {
                Graph.Input(PastName(i, kind), data.Type, Batch, keyValueHeads, Past, headDim);
                Graph.Output(PresentName(i, kind), data.Type, Batch, keyValueHeads, Total, headDim);
            }

        const string mask = "/model/attn_mask_reformat/attn_mask_subgraph";
        string sum = Graph.Node("ReduceSum", mask + "/ReduceSum", ["attention_mask", Graph.Constant(1)], Attributes.Int("keepdims", 0));
        string last = Graph.Node("Sub", mask + "/Sub", [sum, Graph.Constant(1)]);
        SequenceLengths = Graph.Node("Cast", mask + "/Sub/Cast", [last], Attributes.Int("to", (long)DataType.Int32));
        string shape = Graph.Node("Shape", mask + "/Shape", ["attention_mask"]);
        string total = Graph.Node("Gather", mask + "/Gather", [shape, Graph.Scalar(1)], Attributes.Int("axis", 0));
        TotalLength = Graph.Node("Cast", mask + "/Gather/Cast", [total], Attributes.Int("to", (long)DataType.Int32));
    }

    /// <summary>Ends the context where the model would go on to rotate all positions by other angles: the caches are written once.</summary>
    public void LimitContext(RotaryEmbedding rope)
    {
        if (rope.FixedUpTo is not { } length) return;
        _contextLimit = Math.Min(length, ContextLength);
        ContextNote = $"In sequences of more than {length} tokens this model rotates all positions by other angles, which a graph cannot follow: it is exact up to there, and its context_length is {_contextLimit}.";
    }

    public static string PastName(int position, string kind) => $"past_key_values.{position}.{kind}";

    public static string PresentName(int position, string kind) => $"present.{position}.{kind}";

    /// <summary>The token embedding's rows of <c>input_ids</c>.</summary>
    /// <param name="size">Columns of the table, where they are not the hidden size.</param>
    public string Embed(string tensor, int? size = null)
    {
        int columns = size ?? Config.HiddenSize;
        var table = Checkpoint.Find(tensor, Config.VocabSize, columns);
        // Rows that end inside a block would be padded in the head's form, which the gather cannot read.
        _embeddingIsQuantized = _quantized is not null && columns % Quantization.BlockSize == 0;
        if (_embeddingIsQuantized) return _quantized!.Gather("/model/embed_tokens", Embedding, table, "input_ids");
        if (form.BuilderForm && IsTied) // the builder keeps the head's matrix and turns it for the lookup
            return Graph.Node("Gather", "/model/embed_tokens/Gather", [Graph.Node("Transpose", "/model/embed_tokens/Transpose",
                [Graph.Weight(OwnHead, [columns, Config.VocabSize], _ => _weights.CopyTransposed(table))], Attributes.Ints("perm", 1, 0)), "input_ids"]);
        string weight = Weight(Embedding, table);
        return Graph.Node("Gather", "/model/embed_tokens/Gather", [weight, "input_ids"]);
    }

    /// <summary>Adds the learned positions' rows of <c>position_ids</c>: (B, S, H).</summary>
    /// <param name="offset">Rows before that of position 0, which no position reads.</param>
    public string AddPositions(string hidden, string tensor, int offset = 0)
    {
        int context = Config.MaxPositionEmbeddings;
        var table = new TensorRows(Checkpoint.Find(tensor, context + offset, Config.HiddenSize), offset, context);
        string weight = Graph.Weight("model.embed_positions.weight", [context, Config.HiddenSize], _ => _weights.Copy(table));
        string rows = Graph.Node("Gather", "/model/embed_positions/Gather", [weight, "position_ids"]);
        return Graph.Node("Add", "/model/embed_positions/Add", [hidden, rows]);
    }

    /// <summary>RMSNorm (Zhang and Sennrich 2019).</summary>
    /// <param name="size">The size of the last dimension, where it is not the hidden size.</param>
    /// <param name="onePlus">The factor is 1 + w: Gemma's norms.</param>
    public string RmsNorm(string path, string input, string tensor, double epsilon, int? size = null, bool onePlus = false)
    {
        var entry = Checkpoint.Find(tensor, size ?? Config.HiddenSize);
        string weight = Initializer(path) + ".weight";
        weight = onePlus ? Graph.Weight(weight, entry.Shape, data => data.Write(PlusOne(entry))) : Weight(weight, entry);
        return Graph.Node("SimplifiedLayerNormalization", path + "/LayerNorm", [input, weight],
            Attributes.Int("axis", -1), Attributes.Float("epsilon", (float)epsilon), Attributes.Int("stash_type", 1));
    }

    /// <summary>LayerNorm (Ba et al. 2016): <c>{tensor}.weight</c> and <c>{tensor}.bias</c> over the last axis.</summary>
    /// <param name="size">Length of the last axis, where it is not the hidden size.</param>
    /// <param name="affine">Whether the norm has weights at all.</param>
    public string LayerNorm(string path, string input, string tensor, double epsilon, int? size = null, bool affine = true)
    {
        int length = size ?? Config.HiddenSize;
        ReadOnlySpan<string> inputs = affine
            ? [input, Weight(Initializer(path) + ".weight", Checkpoint.Find(tensor + ".weight", length)), Weight(Initializer(path) + ".bias", Checkpoint.Find(tensor + ".bias", length))]
            : [input, Ones(length)];
        return Graph.Node("LayerNormalization", path + "/LayerNorm", inputs,
            Attributes.Int("axis", -1), Attributes.Float("epsilon", (float)epsilon), Attributes.Int("stash_type", 1));
    }

    /// <summary>A linear layer of the checkpoint: <c>{tensor}.weight</c> and, if it has one, <c>{tensor}.bias</c>.</summary>
    public string Linear(string path, string input, string tensor, int inputs, int outputs, bool bias) =>
        Packed(path, input, inputs, bias, (tensor, outputs));

    /// <summary>Several linear layers with the same input as one product, their outputs side by side.</summary>
    public string Packed(string path, string input, int inputs, bool bias, params (string Tensor, int Outputs)[] layers) =>
        Linear(path, input,
            Array.ConvertAll(layers, layer => (TensorRows)Checkpoint.Find(layer.Tensor + ".weight", layer.Outputs, inputs)),
            bias ? Array.ConvertAll(layers, layer => (TensorRows)Checkpoint.Find(layer.Tensor + ".bias", layer.Outputs)) : null);

    /// <summary>The two inputs of a gated MLP's product: <c>gate_proj</c> and <c>up_proj</c> of the same input, (B, S, inner) each.</summary>
    public (string Gate, string Up) GateUp(string path, string input, string tensors, int inputs, int inner, bool bias)
    {
        if (!form.PackedGateUp)
            return (Linear(path + "/gate_proj", input, tensors + "gate_proj", inputs, inner, bias), Linear(path + "/up_proj", input, tensors + "up_proj", inputs, inner, bias));
        string packed = Packed(path + "/gate_up_proj", input, inputs, bias, (tensors + "gate_proj", inner), (tensors + "up_proj", inner));
        return SplitGateUp(path, packed, inner);
    }

    /// <summary>Gate and up that lie side by side, apart.</summary>
    public (string Gate, string Up) SplitGateUp(string path, string packed, int inner)
    {
        string split = path + "/gate_up_proj/Split", gate = split + "/output_0", up = split + "/output_1";
        Graph.Node("Split", split, [packed, Graph.Constant(inner, inner)], (ReadOnlySpan<string>)[gate, up], Attributes.Int("axis", -1));
        return (gate, up);
    }

    /// <summary>One product whose outputs are rows of the checkpoint's matrices, in the order given.</summary>
    public string Linear(string path, string input, TensorRows[] weights, TensorRows[]? biases)
    {
        long inputs = weights[0].RowElements, outputs = weights.Sum(rows => rows.Count);
        string product = path + "/MatMul/output_0", name = Initializer(path) + ".MatMul.weight";
        if (_quantized is not null) _quantized.Product(path, input, product, name, weights);
        else Graph.Node("MatMul", path + "/MatMul", [input, Graph.Weight(name, [inputs, outputs], _ => _weights.CopyTransposed(weights))]);
        if (biases is null) return product;
        string bias = Graph.Weight(Initializer(path) + ".Add.bias", [outputs], _ => Array.ForEach(biases, _weights.Copy));
        return Graph.Node("Add", path + "/Add", [product, bias]);
    }

    /// <summary>A small linear layer without a bias whose result decides: it stays in the graph's number format.</summary>
    public string Exact(string path, string input, string tensor, int inputs, int outputs)
    {
        var matrix = Checkpoint.Find(tensor + ".weight", outputs, inputs);
        return Graph.Node("MatMul", path + "/MatMul", [input, Graph.Weight(Initializer(path) + ".MatMul.weight", [inputs, outputs], _ => _weights.CopyTransposed(matrix))]);
    }

    /// <summary>A linear layer whose weight lies as <c>[in, out]</c>, as GPT-2's do; always with a bias.</summary>
    public string Conv1D(string path, string input, string tensor, int inputs, int outputs)
    {
        string product = path + "/MatMul/output_0", name = Initializer(path) + ".MatMul.weight";
        var matrix = Checkpoint.Find(tensor + ".weight", inputs, outputs);
        if (_quantized is not null) _quantized.Product(path, input, product, name, [matrix], transposed: true);
        else Graph.Node("MatMul", path + "/MatMul", [input, Weight(name, matrix)]);
        string bias = Weight(Initializer(path) + ".Add.bias", Checkpoint.Find(tensor + ".bias", outputs));
        return Graph.Node("Add", path + "/Add", [product, bias]);
    }

    /// <summary>The logits: the file's own head where it differs from the embedding, else the embedding itself, stored once.</summary>
    /// <param name="size">Columns of head and embedding, where they are not the hidden size.</param>
    /// <param name="bias">The head's bias, for those that have one.</param>
    /// <param name="output">The name of the result, where something follows that ends in <c>logits</c>.</param>
    public void Head(string input, string tensor, string embedding, int? size = null, string? bias = null, string output = "logits")
    {
        int inputs = size ?? Config.HiddenSize;
        string product = bias is null ? output : "/lm_head/MatMul/output_0";
        bool own = !IsTied || HasOwnHead(tensor, embedding, inputs);
        if (_quantized is not null)
        {
            bool shares = !own && _embeddingIsQuantized;
            _quantized.Product("/lm_head", input, product, shares ? Embedding : OwnHead, [Checkpoint.Find(own ? tensor : embedding, Config.VocabSize, inputs)],
                isHead: true, isStored: shares);
        }
        else if (own || form.BuilderForm)
        {
            if (own) Graph.Weight(OwnHead, [inputs, Config.VocabSize], _ => _weights.CopyTransposed(Checkpoint.Find(tensor, Config.VocabSize, inputs)));
            Graph.Node("MatMul", "/lm_head/MatMul", [input, OwnHead], (ReadOnlySpan<string>)[product]);
        }
        else // transB reads the embedding [V, H] as it lies: a Transpose node would be folded into a second copy in memory.
            Graph.Node("com.microsoft.FusedMatMul", "/lm_head/MatMul", [input, Embedding], (ReadOnlySpan<string>)[product], Attributes.Int("transB", 1));
        if (bias is null) return;
        string added = Weight("lm_head.Add.bias", Checkpoint.Find(bias, Config.VocabSize));
        Graph.Node("Add", "/lm_head/Add", [product, added], (ReadOnlySpan<string>)[output]);
    }

    /// <summary>A tensor of the checkpoint, or rows of one, as an initializer of the same shape.</summary>
    public string Weight(string name, TensorRows rows) => Graph.Weight(name, [rows.Count, .. rows.Tensor.Shape[1..]], _ => _weights.Copy(rows));

    /// <summary>Vectors of the checkpoint as the rows of one initializer.</summary>
    public string Stack(string name, TensorRows[] vectors, int length) => Graph.Weight(name, [vectors.Length, length], _ => Array.ForEach(vectors, _weights.Copy));

    /// <summary>Nodes that compute in float32 whatever the graph computes in.</summary>
    public string InFloat32(string path, string input, Func<string, string> compute)
    {
        if (data.Type == DataType.Float) return compute(input);
        string result = compute(Graph.Node("Cast", path + "/Widen", [input], Attributes.Int("to", (long)DataType.Float)));
        return Graph.Node("Cast", path + "/Narrow", [result], Attributes.Int("to", (long)data.Type));
    }

    /// <summary>A vector of ones, for a norm without weights: the operator wants some.</summary>
    private string Ones(int length)
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"ones.{length}");
        return _ones.Add(length) ? Graph.Weight(name, [length], data => data.Write(Enumerable.Repeat(1f, length).ToArray())) : name;
    }

    private float[] PlusOne(TensorEntry entry)
    {
        var values = new float[entry.Elements];
        Checkpoint.Read(entry, values);
        return Array.ConvertAll(values, value => 1 + value);
    }

    private bool IsTied => Config.Bool("tie_word_embeddings", Family.TiedByDefault);

    /// <summary>A tied checkpoint may still hold a head: a copy of the embedding, or one of its own, which transformers then uses.</summary>
    private bool HasOwnHead(string tensor, string embedding, int size)
    {
        if (!Checkpoint.Has(tensor)) return false;
        var head = Checkpoint.Find(tensor, Config.VocabSize, size);
        var embedded = Checkpoint.Find(embedding, Config.VocabSize, size);
        float[] left = new float[Math.Min(head.Elements, 1 << 20)], right = new float[left.Length];
        for (long done = 0; done < head.Elements; done += left.Length)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int count = (int)Math.Min(left.Length, head.Elements - done);
            Checkpoint.Read(head, left.AsSpan(0, count), done);
            Checkpoint.Read(embedded, right.AsSpan(0, count), done);
            if (!left.AsSpan(0, count).SequenceEqual(right.AsSpan(0, count))) return true;
        }
        return false;
    }

    /// <summary>GenAI's builder names a node by path and its weight by the same path with dots.</summary>
    private static string Initializer(string path) => path[1..].Replace('/', '.');
}
