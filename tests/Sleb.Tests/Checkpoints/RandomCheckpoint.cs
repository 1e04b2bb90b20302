using System.Text.Json.Nodes;
using Sleb.Core.Checkpoints;

namespace Sleb.Tests.Checkpoints;

/// <summary>Llama checkpoints of random bfloat16 weights, of any size: nothing is learned, but every size and every step is real.</summary>
internal static class RandomCheckpoint
{
    public static string Write(string folder, int blocks, int hidden, int intermediate, int heads, int vocabulary, bool tied = false)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), new JsonObject
        {
            ["model_type"] = "llama",
            ["hidden_size"] = hidden,
            ["intermediate_size"] = intermediate,
            ["num_hidden_layers"] = blocks,
            ["num_attention_heads"] = heads,
            ["num_key_value_heads"] = heads,
            ["vocab_size"] = vocabulary,
            ["max_position_embeddings"] = 2048,
            ["rms_norm_eps"] = 1e-5,
            ["tie_word_embeddings"] = tied,
        }.ToJsonString());
        var tensors = new List<SafetensorsWriter.Tensor> { Tensor("model.embed_tokens.weight", vocabulary, hidden) };
        for (int i = 0; i < blocks; i++)
        {
            string block = $"model.layers.{i}.";
            foreach (string name in (string[])["q_proj", "k_proj", "v_proj", "o_proj"]) tensors.Add(Tensor($"{block}self_attn.{name}.weight", hidden, hidden));
            foreach (string name in (string[])["gate_proj", "up_proj"]) tensors.Add(Tensor($"{block}mlp.{name}.weight", intermediate, hidden));
            tensors.Add(Tensor(block + "mlp.down_proj.weight", hidden, intermediate));
            foreach (string name in (string[])["input_layernorm", "post_attention_layernorm"]) tensors.Add(Tensor($"{block}{name}.weight", hidden));
        }
        tensors.Add(Tensor("model.norm.weight", hidden));
        if (!tied) tensors.Add(Tensor("lm_head.weight", vocabulary, hidden));

        // One table of normal numbers, read from another place for every piece: the disk is the limit.
        var random = new Random(1);
        byte[] table = new byte[1 << 21];
        for (int at = 0; at < table.Length; at += 2)
            TinyModel.Put(TensorType.BF16, (float)(0.02 * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())), table.AsSpan(at));
        SafetensorsWriter.Write(Path.Combine(folder, "model.safetensors"), tensors, (tensor, _, destination) =>
        {
            for (int done = 0; done < destination.Length;)
            {
                int from = random.Next(table.Length / 2) * 2, count = Math.Min(table.Length - from, destination.Length - done);
                table.AsSpan(from, count).CopyTo(destination[done..]);
                done += count;
            }
            if (tensor.Name.EndsWith("norm.weight", StringComparison.Ordinal)) // about one
                for (int at = 0; at < destination.Length; at += 2) TinyModel.Put(TensorType.BF16, 1, destination[at..]);
        }, TestContext.Current.CancellationToken);
        return folder;
    }

    private static SafetensorsWriter.Tensor Tensor(string name, params long[] shape) => new(name, TensorType.BF16, shape);
}
