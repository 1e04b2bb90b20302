using Sleb.Core.Checkpoints;
using Sleb.Core.Families;
using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Onnx.Emit;

/// <summary>
/// What the graphs of all families share: inputs, mask, embedding, linear layers, KV cache, head. It is written from a list of
/// surviving blocks; a removed block is never read.
/// </summary>
internal sealed class DecoderGraph(
    Checkpoint checkpoint, Family family, IReadOnlyList<int> survivors, ExternalData data, CancellationToken cancellationToken)
{
    private const string Batch = "batch_size", Sequence = "sequence_length", Past = "past_sequence_length", Total = "total_sequence_length";

    private readonly WeightStream _weights = new(checkpoint, data, cancellationToken);

    public Checkpoint Checkpoint { get; } = checkpoint;

    public ModelConfig Config { get; } = checkpoint.Config;

    public Family Family { get; } = family;

    /// <summary>Original indices of the blocks that stay, ascending. Names in the graph count positions in this list, without gaps.</summary>
    public IReadOnlyList<int> Survivors { get; } = survivors;

    public GraphBuilder Graph { get; } = new(data);

    /// <summary>Number of keys that are valid, minus one, per row: int32 <c>[B]</c>.</summary>
    public string SequenceLengths { get; private set; } = "";

    /// <summary>Length of keys, past and new: an int32 scalar.</summary>
    public string TotalLength { get; private set; } = "";

    /// <summary>Whether the graph reads <c>position_ids</c>.</summary>
    public bool ReadsPositions { get; private set; }

    /// <summary>Declares inputs and outputs in the order GenAI's own builder uses, and the mask's two forms.</summary>
    /// <param name="positions">Whether the graph reads <c>position_ids</c>.</param>
    public void Begin(bool positions, int keyValueHeads, int headDim)
    {
        ReadsPositions = positions;
        Graph.Input("input_ids", DataType.Int64, Batch, Sequence);
        Graph.Input("attention_mask", DataType.Int64, Batch, Total);
        if (positions) Graph.Input("position_ids", DataType.Int64, Batch, Sequence);
        Graph.Output("logits", DataType.Float, Batch, Sequence, Config.VocabSize);
        foreach (string kind in (string[])["key", "value"])
            for (int i = 0; i < Survivors.Count; i++)
            {
                Graph.Input(PastName(i, kind), DataType.Float, Batch, keyValueHeads, Past, headDim);
                Graph.Output(PresentName(i, kind), DataType.Float, Batch, keyValueHeads, Total, headDim);
            }

        const string mask = "/model/attn_mask_reformat/attn_mask_subgraph";
        string sum = Graph.Node("ReduceSum", mask + "/ReduceSum", ["attention_mask", Graph.Constant(1)], Attributes.Int("keepdims", 0));
        string last = Graph.Node("Sub", mask + "/Sub", [sum, Graph.Constant(1)]);
        SequenceLengths = Graph.Node("Cast", mask + "/Sub/Cast", [last], Attributes.Int("to", (long)DataType.Int32));
        string shape = Graph.Node("Shape", mask + "/Shape", ["attention_mask"]);
        string total = Graph.Node("Gather", mask + "/Gather", [shape, Graph.Scalar(1)], Attributes.Int("axis", 0));
        TotalLength = Graph.Node("Cast", mask + "/Gather/Cast", [total], Attributes.Int("to", (long)DataType.Int32));
    }

    public static string PastName(int position, string kind) => $"past_key_values.{position}.{kind}";

    public static string PresentName(int position, string kind) => $"present.{position}.{kind}";

    /// <summary>The token embedding's rows of <c>input_ids</c>.</summary>
    public string Embed(string tensor)
    {
        string weight = Weight("model.embed_tokens.weight", Checkpoint.Find(tensor, Config.VocabSize, Config.HiddenSize));
        return Graph.Node("Gather", "/model/embed_tokens/Gather", [weight, "input_ids"]);
    }

    /// <summary>RMSNorm (Zhang and Sennrich 2019).</summary>
    public string RmsNorm(string path, string input, string tensor, double epsilon)
    {
        string weight = Weight(Initializer(path) + ".weight", Checkpoint.Find(tensor, Config.HiddenSize));
        return Graph.Node("SimplifiedLayerNormalization", path + "/LayerNorm", [input, weight],
            Attributes.Int("axis", -1), Attributes.Float("epsilon", (float)epsilon), Attributes.Int("stash_type", 1));
    }

    /// <summary>A linear layer of the checkpoint: <c>{tensor}.weight</c> and, if it has one, <c>{tensor}.bias</c>.</summary>
    public string Linear(string path, string input, string tensor, int inputs, int outputs, bool bias) =>
        Packed(path, input, inputs, bias, (tensor, outputs));

    /// <summary>Several linear layers with the same input as one product, their outputs side by side.</summary>
    public string Packed(string path, string input, int inputs, bool bias, params (string Tensor, int Outputs)[] layers)
    {
        var weights = Array.ConvertAll(layers, layer => Checkpoint.Find(layer.Tensor + ".weight", layer.Outputs, inputs));
        int outputs = layers.Sum(layer => layer.Outputs);
        string weight = Graph.Weight(Initializer(path) + ".MatMul.weight", [inputs, outputs], _ => _weights.CopyTransposed(weights));
        string product = Graph.Node("MatMul", path + "/MatMul", [input, weight]);
        if (!bias) return product;
        var biases = Array.ConvertAll(layers, layer => Checkpoint.Find(layer.Tensor + ".bias", layer.Outputs));
        string sum = Graph.Weight(Initializer(path) + ".Add.bias", [outputs], _ => Array.ForEach(biases, _weights.Copy));
        return Graph.Node("Add", path + "/Add", [product, sum]);
    }

    /// <summary>The logits: the file's own head where it differs from the embedding, else the embedding itself, stored once.</summary>
    public void Head(string input, string tensor, string embedding)
    {
        bool tied = Config.Bool("tie_word_embeddings", Family.TiedByDefault);
        if (!tied || HasOwnHead(tensor, embedding))
        {
            var head = Checkpoint.Find(tensor, Config.VocabSize, Config.HiddenSize);
            string weight = Graph.Weight("lm_head.MatMul.weight", [Config.HiddenSize, Config.VocabSize], _ => _weights.CopyTransposed(head));
            Graph.Node("MatMul", "/lm_head/MatMul", [input, weight], (ReadOnlySpan<string>)["logits"]);
            return;
        }
        // transB reads the embedding [V, H] as it lies: a Transpose node would be folded into a second copy in memory.
        Graph.Node("com.microsoft.FusedMatMul", "/lm_head/MatMul", [input, "model.embed_tokens.weight"], (ReadOnlySpan<string>)["logits"],
            Attributes.Int("transB", 1));
    }

    /// <summary>A tensor of the checkpoint as an initializer of the same shape.</summary>
    public string Weight(string name, TensorEntry tensor) => Graph.Weight(name, tensor.Shape, _ => _weights.Copy(tensor));

    /// <summary>A tied checkpoint may still hold a head: a copy of the embedding, or one of its own, which transformers then uses.</summary>
    private bool HasOwnHead(string tensor, string embedding)
    {
        if (!Checkpoint.Tensors.ContainsKey(tensor)) return false;
        var head = Checkpoint.Find(tensor, Config.VocabSize, Config.HiddenSize);
        var embedded = Checkpoint.Find(embedding, Config.VocabSize, Config.HiddenSize);
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
