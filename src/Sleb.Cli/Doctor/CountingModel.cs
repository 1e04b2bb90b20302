using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;

namespace Sleb.Cli.Doctor;

/// <summary>A Llama of one block that answers every id with the next one: the embedding gives each id a direction of its own, the head asks for the one before, and the block adds the same to all.</summary>
internal static class CountingModel
{
    private const int Size = 32, Heads = 2;

    private static readonly string[] Matrices = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"];

    public static Checkpoint Write(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), new JsonObject
        {
            ["model_type"] = "llama",
            ["hidden_size"] = Size,
            ["intermediate_size"] = Size,
            ["num_hidden_layers"] = 1,
            ["num_attention_heads"] = Heads,
            ["num_key_value_heads"] = Heads,
            ["vocab_size"] = Size,
            ["max_position_embeddings"] = Size,
            ["rms_norm_eps"] = 1e-5,
        }.ToJsonString());
        IEnumerable<SafetensorsWriter.Tensor> tensors =
        [
            Matrix("model.embed_tokens"), Matrix("lm_head"), Norm("model.norm"),
            .. Matrices.Select(name => Matrix("model.layers.0." + name)),
            Norm("model.layers.0.input_layernorm"), Norm("model.layers.0.post_attention_layernorm"),
        ];
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), tensors, Fill, CancellationToken.None);
        return Checkpoint.Open(folder);
    }

    private static SafetensorsWriter.Tensor Matrix(string name) => new(name + ".weight", TensorType.F32, [Size, Size]);

    private static SafetensorsWriter.Tensor Norm(string name) => new(name + ".weight", TensorType.F32, [Size]);

    private static void Fill(SafetensorsWriter.Tensor tensor, long from, Span<byte> destination)
    {
        var values = MemoryMarshal.Cast<byte, float>(destination);
        for (int i = 0; i < values.Length; i++)
        {
            int element = (int)(from / sizeof(float)) + i, row = element / Size, column = element % Size;
            values[i] = tensor switch
            {
                { Shape.Length: 1 } => 1,
                { Name: "model.embed_tokens.weight" } => row == column ? 1 : 0,
                { Name: "lm_head.weight" } => row == column + 1 ? 1 : 0,
                _ => 1f / 64,
            };
        }
    }
}
